package fastexec

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/answerbudget"
)

// Write writes an answer or an event as JSON into an empty buffer. If that exceeds the budget of its operation, it
// writes nothing, and the budget records the error. It replaces the method MarshalGQL. The answer is assembled in a
// pooled buffer.
func Write(ctx context.Context, into *bytes.Buffer, data graphql.Marshaler) {
	growing := pages.Get().(*page) //nolint:forcetypeassert // nothing else is in there
	growing.Reset()
	fits := growing.write(answerbudget.From(ctx), data)
	if !fits || into.Cap() > largest { // a subscription keeps its buffer for the next event
		*into = bytes.Buffer{}
	}
	if fits {
		into.Write(growing.Bytes())
	}
	if growing.Cap() <= largest {
		pages.Put(growing)
	}
}

// largest is up to how many bytes a buffer may have to be kept: hardly any answer is larger.
const largest = 256 << 10

var pages = sync.Pool{New: func() any { return new(page) }}

// page is a buffer that charges the budget as it grows.
type page struct {
	bytes.Buffer

	budget *answerbudget.Budget
	room   int // size at which the budget is charged again
}

// full is the panic that aborts writing an answer that exceeds its budget: gqlgen's writers cannot return errors.
type full struct{}

// write reports whether the answer fits.
func (p *page) write(b *answerbudget.Budget, data graphql.Marshaler) (fits bool) {
	defer func() {
		p.budget = nil
		if v := recover(); v != nil {
			if _, ok := v.(full); !ok {
				panic(v)
			}
			fits = false
		}
	}()
	var err error
	p.budget = b
	if p.room, err = b.Write(0); err != nil {
		return false
	}
	data.MarshalGQL(p)
	_, err = b.Write(p.Len())
	return err == nil
}

// Write appends text. A single text is never longer than the budget allowed to read.
func (p *page) Write(text []byte) (int, error) {
	n, err := p.Buffer.Write(text)
	p.grown()
	return n, err
}

// WriteString is Write for a string.
func (p *page) WriteString(text string) (int, error) {
	n, err := p.Buffer.WriteString(text)
	p.grown()
	return n, err
}

// WriteByte is Write for a byte.
func (p *page) WriteByte(c byte) error {
	err := p.Buffer.WriteByte(c)
	p.grown()
	return err
}

// grown asks the budget for more room where the answer has outgrown what it was given. MarshalGQL returns no errors, so
// that the only way out of the middle of an answer is a panic.
func (p *page) grown() {
	if p.Len() <= p.room {
		return
	}
	var err error
	if p.room, err = p.budget.Write(p.Len()); err != nil {
		panic(full{})
	}
}

// write needs no error: what gqlgen writes to is a buffer.
func write(w io.Writer, text string) {
	if p, ok := w.(*page); ok { // as nearly always: saves looking for the method
		_, _ = p.WriteString(text)
		return
	}
	_, _ = io.WriteString(w, text)
}
