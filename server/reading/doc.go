// Package reading reads what may be seen: lists, look-ups, figures, histories and searches. [Service.As] returns a
// reader for a viewer; every statement of that reader carries the condition under which the viewer sees a petition. The
// package knows neither who may do what, nor over which protocol a request came.
package reading
