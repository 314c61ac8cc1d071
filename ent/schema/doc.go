// Package schema describes the rows that petitiond keeps: fields, edges, indexes and nothing that acts.
//
// It is data only and imports nothing of the project. Every field comment names who may read the field:
// public (anyone who may see the petition), owner (the petitioner and staff), staff (operators alone) or
// internal (never leaves the server in any form).
package schema
