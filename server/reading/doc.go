// Package reading is what may be seen: lists, look-ups, figures, histories and searches. [Service.As] returns a reader for
// a viewer, whose every statement carries the condition under which that viewer sees a petition. The package knows
// neither who may do what, nor who asks over which wire.
package reading
