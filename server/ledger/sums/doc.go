// Package sums keeps the sums of signatures by minute, hour, day and country in shape beside the batches that add to
// them: it sums up what the batches have left out, and turns minutes that have aged into hours. Each step holds the
// counters of its petitions, so that no sum is wrong at any moment that others can see.
package sums
