package transport

import (
	"sort"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// validate returns the first errors of a document.
func (e *engine) validate(doc *ast.QueryDocument) (errs gqlerror.List) {
	events := &core.Events{}
	for _, rule := range e.rules {
		rule.RuleFunc(events, func(options ...core.ErrorOption) {
			// What is not told need not be worded: some documents have an error for every pair of their fields.
			if len(errs) == e.limits.Errors {
				return
			}
			err := &gqlerror.Error{Rule: rule.Name}
			for _, option := range options {
				option(err)
			}
			errs = append(errs, validationError(err))
		})
	}
	core.Walk(e.schema, doc, events)
	return errs
}

// validationRules returns the rules of the specification. Without
// introspection they hold their tongue about names that come near, and refuse
// to speak of the schema at all.
func validationRules(introspection bool) []core.Rule {
	set := rules.NewDefaultRules()
	if !introspection {
		for _, quiet := range []core.Rule{
			rules.FieldsOnCorrectTypeRuleWithoutSuggestions,
			rules.KnownArgumentNamesRuleWithoutSuggestions,
			rules.KnownTypeNamesRuleWithoutSuggestions,
			rules.ScalarLeafsRuleWithoutSuggestions,
			rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
		} {
			set.ReplaceRule(strings.TrimSuffix(quiet.Name, "WithoutSuggestions"), quiet.RuleFunc)
		}
		set.AddRule("NoIntrospection", refuseIntrospection)
	}
	var list []core.Rule
	for name, rule := range set.GetInner() {
		list = append(list, core.Rule{Name: name, RuleFunc: rule})
	}
	// The order decides which errors are told first, and the set has none.
	sort.Sort(core.NameSorter(list))
	return list
}

func refuseIntrospection(events *core.Events, report core.AddErrFunc) {
	events.OnField(func(walker *core.Walker, field *ast.Field) {
		// The walker visits fragments a second time, by themselves.
		if walker.CurrentOperation != nil && (field.Name == "__schema" || field.Name == "__type") {
			report(core.Message("Introspection is turned off."), core.At(field.Position))
		}
	})
}
