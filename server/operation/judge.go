package operation

import (
	"crypto/sha256"
	"errors"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"petitiond/server/errcode"
)

// Options configures a [Judge]. Schema and Limits are required.
type Options struct {
	Schema *ast.Schema
	// Sizes are functions, by the name of a field such as Petition.signatureHistory, that return how many items the
	// field has, for fields where @listSize cannot express it. Arguments have the types that JSON decodes to; absent
	// ones have their defaults or are nil.
	Sizes map[string]func(arguments map[string]any) int
	// Introspection lets clients ask for the schema. Where it is off, errors do not suggest names either.
	Introspection bool
	// Discreet keeps errors from suggesting names in any case.
	Discreet bool
	Limits   Limits
}

// Judge decides which operations may run. It caches the documents that it has validated.
type Judge struct {
	schema    *ast.Schema
	limits    Limits
	rules     rulebook
	tariff    *tariff
	documents *documents
	library   library
}

// New returns a Judge that accepts any document that is valid and within the limits; see [Judge.Trust].
func New(o Options) *Judge {
	return &Judge{
		schema:    o.Schema,
		limits:    o.Limits,
		rules:     newRulebook(o.Introspection, o.Introspection && !o.Discreet),
		tariff:    newTariff(o.Schema, o.Limits.Page, o.Sizes),
		documents: newDocuments(o.Limits.DocumentBytes),
		library:   newLearned(o.Limits.Persisted),
	}
}

// Prepare returns the operation that a request asks for. All transports go through it.
func (j *Judge) Prepare(r *Request) (*Operation, *Refusal) {
	name, refusal := documentName(r.Extensions)
	if refusal != nil {
		return nil, refusal
	}
	text, refusal := j.library.find(name, r.Query)
	if refusal != nil {
		return nil, refusal
	}
	op, refusal := j.operation(text, r.OperationName, r.Variables)
	if refusal != nil {
		return nil, refusal
	}
	if r.Query != "" && name != "" {
		// Only now: a refused document must not evict one that is in use.
		j.library.keep(name, text)
	}
	op.Bytes = r.Bytes
	return op, nil
}

// operation returns the operation of that name in a document, ready to run.
func (j *Judge) operation(text, name string, given map[string]any) (*Operation, *Refusal) {
	doc, refusal := j.document(text)
	if refusal != nil {
		return nil, refusal
	}
	// Without a name it is the only operation, or none if there are several: GetOperation in section 6.1 of the
	// specification.
	op := doc.Operations.ForName(name)
	if op == nil {
		message := "The document has no operation with that name. Name one of its operations in operationName."
		if name == "" { // one operation alone needs no name
			message = "The document has several operations. Name the one to run in operationName."
		}
		return nil, refused(Coded(errcode.ValidationFailed, message))
	}
	variables, err := coerce(j.schema, op, given)
	if err == nil {
		err = checkConditions(op, doc.conditions[op], variables)
	}
	if err != nil {
		return nil, refused(err)
	}
	// Last, since the price of a list depends on the variables.
	cost, timed, err := j.cost(doc, op, variables)
	if err != nil {
		return nil, &Refusal{Errors: gqlerror.List{err}, Cost: cost}
	}
	// Text and name are those of the document: those of the request are another copy, which a subscription would keep.
	return &Operation{
		Text: doc.text, Name: op.Name, Document: doc.QueryDocument, Definition: op, Variables: variables, Cost: cost, Timed: timed, doc: doc,
	}, nil
}

// document returns the parsed document of a text if it is valid. Nothing of refused documents is cached.
func (j *Judge) document(text string) (*document, *Refusal) {
	// The cheap checks come first, and each bounds what the next one costs: bytes before the hash, tokens before the
	// parser, counts before validation.
	if err := exceeds(check{"document", len(text), j.limits.Document, "A document may have at most %d bytes. Send long texts as variables."}); err != nil {
		return nil, refused(err)
	}
	key := digest(sha256.Sum256([]byte(text)))
	if doc, known := j.documents.Get(key); known {
		return doc, nil
	}
	doc, tokens, err := j.parse(text)
	if err != nil {
		return nil, refused(err)
	}
	learned, err := j.limits.inspect(doc)
	if err != nil {
		return nil, refused(err)
	}
	if errs := j.validate(doc, learned); len(errs) > 0 {
		return nil, refused(errs...)
	}
	judged := &document{
		QueryDocument: doc,
		key:           key,
		text:          text,
		tokens:        tokens,
		conditions:    learned.conditions,
		prices:        map[*ast.OperationDefinition]price{},
		bytes:         entryBytes + len(text)*textBytes + tokens*tokenBytes,
	}
	j.documents.Add(key, judged)
	return judged, nil
}

// parse parses a text after counting its tokens. The count bounds the time and the depth of the parser's recursion.
func (j *Judge) parse(text string) (doc *ast.QueryDocument, tokens int, err *gqlerror.Error) {
	source := &ast.Source{Input: text}
	tokens = count(source, j.limits.Tokens)
	if err := exceeds(check{"tokens", tokens, j.limits.Tokens, "A document may have at most %d tokens."}); err != nil {
		return nil, tokens, err
	}
	doc, failed := parser.ParseQuery(source)
	if broken, ok := errors.AsType[*gqlerror.Error](failed); ok {
		return nil, tokens, syntaxError(broken)
	}
	if failed != nil || len(doc.Operations) == 0 {
		return nil, tokens, Coded(errcode.ParseFailed, "The document has no operation.")
	}
	// gqlparser reads variables of fragments, an experiment that is in no version of the specification.
	for _, fragment := range doc.Fragments {
		if list := fragment.VariableDefinition; len(list) > 0 {
			return nil, tokens, located(Coded(errcode.ParseFailed, "Syntax error: a fragment cannot have variables of its own."), list[0].Position)
		}
	}
	return doc, tokens, nil
}

// count returns the number of tokens, comments included. It stops at an error in the text, or when there are more than
// most.
func count(source *ast.Source, most int) (n int) {
	lex := lexer.New(source)
	for ; n <= most; n++ {
		token, err := lex.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return n
		}
	}
	return n
}

// cost returns the points of an operation with these variables, and whether they depend on the time as well. It returns
// an error if they exceed the limit.
func (j *Judge) cost(doc *document, op *ast.OperationDefinition, variables map[string]any) (cost int, timed bool, err *gqlerror.Error) {
	p, err := j.price(doc, op)
	if err != nil {
		return 0, false, err
	}
	cost = p.points(j.tariff, variables, 0).whole()
	return cost, p.timed, exceeds(check{"cost", cost, j.limits.Cost, "An operation may cost at most %d points. Ask for shorter lists, or for less in each item."})
}

// price returns the price of an operation, which is computed once for each document.
func (j *Judge) price(doc *document, op *ast.OperationDefinition) (price, *gqlerror.Error) {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	// The lock is held while the price is worked out: many who ask at once for a new document wait for one computation.
	if p, known := doc.prices[op]; known {
		return p, nil
	}
	p, bills, err := j.tariff.bill(op, j.limits)
	if err != nil {
		return p, err
	}
	doc.prices[op] = p
	doc.charge(j.documents, bills*billBytes)
	return p, nil
}
