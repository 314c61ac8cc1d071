package operation

import (
	"sort"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// maxSuggested is how long the names in a document may be for errors to suggest similar names: comparing takes time in
// proportion to the lengths of both.
const maxSuggested = 64

// rulebook holds the rules of the specification, except for the one that overlaps implements.
type rulebook struct {
	plain []core.Rule // do not suggest similar names
	kind  []core.Rule // suggest similar names
}

// newRulebook returns the rules for documents, which refuse introspection unless it is allowed.
func newRulebook(introspection, suggest bool) rulebook {
	if !introspection {
		// A suggestion would tell names of the schema that nobody may ask for.
		quiet := validationRules(false, core.Rule{Name: "NoIntrospection", RuleFunc: refuseIntrospection})
		return rulebook{plain: quiet, kind: quiet}
	}
	return rulebook{plain: validationRules(false), kind: validationRules(suggest)}
}

// validationRules returns the rules of the specification, in an order that is always the same.
func validationRules(suggest bool, more ...core.Rule) (list []core.Rule) {
	set := rules.NewDefaultRules()
	set.RemoveRule(rules.OverlappingFieldsCanBeMergedRule.Name)
	if !suggest {
		for _, quiet := range []core.Rule{
			rules.FieldsOnCorrectTypeRuleWithoutSuggestions,
			rules.KnownArgumentNamesRuleWithoutSuggestions,
			rules.KnownTypeNamesRuleWithoutSuggestions,
			rules.ScalarLeafsRuleWithoutSuggestions,
			rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
		} {
			set.ReplaceRule(strings.TrimSuffix(quiet.Name, "WithoutSuggestions"), quiet.RuleFunc)
		}
	}
	for name, rule := range set.GetInner() {
		list = append(list, core.Rule{Name: name, RuleFunc: rule})
	}
	list = append(list, more...)
	// The order decides which errors are reported first, and the set has none.
	sort.Sort(core.NameSorter(list))
	return list
}

// refuseIntrospection is a rule that refuses introspection.
func refuseIntrospection(events *core.Events, report core.AddErrFunc) {
	events.OnField(func(walker *core.Walker, field *ast.Field) {
		// The walker visits fragments a second time, by themselves.
		if walker.CurrentOperation != nil && (field.Name == "__schema" || field.Name == "__type") {
			report(core.Message("Introspection is turned off."), core.At(field.Position))
		}
	})
}

// tooManyErrors stops a walk that has found as many errors as are reported: formatting the rest costs time, and a
// document may have an error in every word.
type tooManyErrors struct{}

// validate returns the first errors of a document that is within the limits.
func (j *Judge) validate(doc *ast.QueryDocument, learned survey) gqlerror.List {
	list := j.rules.kind
	if learned.longest > maxSuggested {
		list = j.rules.plain
	}
	// The walk also gives each field its definition, without which overlaps and the prices cannot be worked out.
	if errs := j.walk(doc, list); len(errs) > 0 {
		return errs
	}
	for _, use := range learned.uses {
		// The walker leaves the definition of the last operation here, whose default is not that of the other
		// operations.
		use.VariableDefinition = nil
	}
	return j.overlaps(doc)
}

// walk checks a document against rules.
func (j *Judge) walk(doc *ast.QueryDocument, list []core.Rule) (errs gqlerror.List) {
	// The rules of gqlparser cannot stop a walk in another way.
	defer func() {
		v := recover()
		if _, stopped := v.(tooManyErrors); v != nil && !stopped {
			panic(v)
		}
	}()
	events := &core.Events{}
	for _, rule := range list {
		rule.RuleFunc(events, func(options ...core.ErrorOption) {
			err := &gqlerror.Error{Rule: rule.Name}
			for _, option := range options {
				option(err)
			}
			errs = append(errs, validationError(err))
			if len(errs) >= j.limits.Errors {
				panic(tooManyErrors{})
			}
		})
	}
	core.Walk(j.schema, doc, events)
	return errs
}
