package credential

import (
	"context"
	"time"
)

// Identity is whose credential a request carries.
type Identity struct {
	// Context is that of the request with what authentication added, which says who it is.
	Context context.Context //nolint:containedctx // see above

	bearer string    // empty: none
	until  time.Time // then it is authenticated again
}

// None returns the identity of a request without a credential.
func None(ctx context.Context) Identity { return Identity{Context: ctx} }

// Anonymous reports whether there is no credential.
func (i Identity) Anonymous() bool { return i.bearer == "" }

// Outlive returns the identity with a context that ends with alive instead of with the request.
func (i Identity) Outlive(alive context.Context) Identity {
	if i.Anonymous() {
		return Identity{}
	}
	i.Context = outliving{Context: alive, values: context.WithoutCancel(i.Context)}
	return i
}

// outliving has the lifetime of one context and the values of another.
type outliving struct {
	context.Context //nolint:containedctx // it is one

	values context.Context //nolint:containedctx // see above
}

// Value returns a value of either context.
func (o outliving) Value(key any) any {
	if v := o.values.Value(key); v != nil {
		return v
	}
	return o.Context.Value(key)
}
