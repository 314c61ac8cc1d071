package main

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// generated is what gqlgen writes, cut to one place of each kind.
//
//go:embed testdata/generated.txt
var generated string

// change is a piece of code and what it becomes.
type change struct{ before, after string }

func changed(t *testing.T, code string, changes ...change) string {
	t.Helper()
	for _, c := range changes {
		if !strings.Contains(code, c.before) {
			t.Fatalf("there is no %q in the code", c.before)
		}
		code = strings.ReplaceAll(code, c.before, c.after)
	}
	return code
}

// TestRewrite checks that just these pieces change, and that comments and lines stay where they are.
func TestRewrite(t *testing.T) {
	t.Parallel()
	want := changed(t, generated,
		change{"\t\"things/model\"\n", "\t\"petitiond/graph/fastexec\"\n\t\"things/model\"\n"},
		change{"data.MarshalGQL(&buf)", "fastexec.Write(ctx, &buf, data)"},
		change{
			"_Thing_name(ctx context.Context, field graphql.CollectedField, obj *model.Thing) (ret graphql.Marshaler) {\n\treturn graphql.ResolveField(",
			"_Thing_name(ctx context.Context, field graphql.CollectedField, obj *model.Thing) (ret graphql.Marshaler) {\n\treturn fastexec.Leaf(",
		},
		change{"graphql.CollectFields(", "fastexec.Fields("},
		change{"graphql.NewDeferredGroup(ctx)", "fastexec.Deferred(ctx, fields)"},
		change{"out.ResolveConcurrently(ec.", "fastexec.Resolve(ctx, out, field, ec."},
		change{"\treturn out\n", "\treturn fastexec.Object(fields, out)\n"},
		change{"graphql.MarshalSliceConcurrently(", "fastexec.Slice("},
	)
	got, err := rewrite([]byte(generated))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLeaves checks which fields are leaves: all others are computed by gqlgen.
func TestLeaves(t *testing.T) {
	t.Parallel()
	second := strings.NewReplacer("_Thing_id", "_Thing_title", `field, true, true, "ID"`, `field, false, false, "String"`, "ec.Resolvers.Thing().ID(ctx, obj)", "obj.Title, nil")
	two := second.Replace(generated)
	for name, test := range map[string]struct {
		change change
		want   int
	}{
		"Two":       {change{}, 2},
		"Method":    {change{"obj.Title, nil", "obj.Title(), nil"}, 1},
		"Error":     {change{"obj.Title, nil", "obj.Title, obj.Err"}, 1},
		"More":      {change{"return obj.Title, nil", "fc := graphql.GetFieldContext(ctx)\n\t\t\treturn obj.Title, nil"}, 1},
		"List":      {change{"v string", "v []string"}, 0},
		"Directive": {change{"nil,\n\t\tfunc(ctx context.Context, s", "ec.middleware,\n\t\tfunc(ctx context.Context, s"}, 0},
		"Arguments": {change{`graphql.NewScalarFieldContext("Thing", field, false, false, "String")`, "&graphql.FieldContext{Args: args}, nil"}, 0},
		"Resolver":  {change{"field, false, false", "field, false, true"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := two
			if name != "Two" {
				code = changed(t, two, test.change)
			}
			got, err := rewrite([]byte(code))
			if none := err != nil && strings.Contains(err.Error(), "no field is a leaf"); none != (test.want == 0) {
				t.Errorf("error %v, want %d leaves", err, test.want)
			}
			if n := strings.Count(string(got), "fastexec.Leaf("); n != test.want {
				t.Errorf("%d leaves, want %d", n, test.want)
			}
		})
	}
}

// TestRewriteFails checks that code in which a pattern is missing, stands more often than expected or differs is
// refused.
func TestRewriteFails(t *testing.T) {
	t.Parallel()
	const list = "graphql.MarshalSliceConcurrently(ctx, len(v), 0, false, "
	for name, test := range map[string]struct {
		change change
		want   string
	}{
		"NoCode":            {change{"package generated", "pack generated"}, "expected 'package'"},
		"RewrittenBefore":   {change{`"things/model"`, `"petitiond/graph/fastexec"`}, "rewritten before"},
		"NoCollectFields":   {change{"graphql.CollectFields(", "graphql.SelectFields("}, "_Thing: an object does not collect"},
		"OtherTypes":        {change{"sel, thingImplementors", `sel, []string{"Thing"}`}, "_Thing: CollectFields has other arguments"},
		"FieldsTwice":       {change{"\n\tout := ", "\n\tagain := graphql.CollectFields(ec.OperationContext, sel, thingImplementors)\n\tout := "}, "_Thing: CollectFields is called more than 1"},
		"FieldsAsValue":     {change{"var thingImplementors", "var collect = graphql.CollectFields\n\nvar thingImplementors"}, "CollectFields is named 3 times, and 2"},
		"NoFieldSet":        {change{"graphql.NewFieldSet(", "graphql.MakeFieldSet("}, "_Thing: an object does not collect"},
		"NoDeferredGroup":   {change{"graphql.NewDeferredGroup(ctx)", "graphql.DeferredGroup{}"}, "_Thing: an object does not collect"},
		"DeferredElsewhere": {change{"_Thing_id(ctx, field, obj)\n", "_Thing_id(ctx, field, graphql.NewDeferredGroup(ctx))\n"}, "_Thing: NewDeferredGroup is called more than 1"},
		"OtherDeferred":     {change{"graphql.NewDeferredGroup(ctx)", "graphql.NewDeferredGroup(ctx, sel)"}, "_Thing: NewDeferredGroup has other arguments"},
		"ReturnsMore":       {change{"\treturn out\n", "\treturn out, nil\n"}, "_Thing: an object does not end"},
		"ReturnsOther":      {change{"\treturn out\n", "\treturn ec.wrap(out)\n"}, "_Thing: an object does not end"},
		"NoResolve":         {change{"out.ResolveConcurrently(", "out.Concurrently("}, "ResolveConcurrently is named 0 times"},
		"OtherResolve":      {change{"&deferred, i,", "deferred, i,"}, "_Thing: ResolveConcurrently has other arguments"},
		"ResolveElsewhere":  {change{"return ec._Subscription_thing", "out.ResolveConcurrently(ec.OperationContext, &deferred, i, true, true, nil)\n\treturn ec._Subscription_thing"}, "_Subscription: ResolveConcurrently is called outside"},
		"NoSlice":           {change{"graphql.MarshalSliceConcurrently(", "graphql.MarshalSlice("}, "MarshalSliceConcurrently is named 0 times"},
		"LimitedSlice":      {change{list, "graphql.MarshalSliceConcurrently(ctx, len(v), 8, false, "}, "MarshalSliceConcurrently has other arguments"},
		"SliceWithPanics":   {change{list, "graphql.MarshalSliceConcurrently(ctx, len(v), 0, true, "}, "MarshalSliceConcurrently has other arguments"},
		"NoField":           {change{"graphql.ResolveField(", "graphql.ComputeField("}, "ResolveField is named 0 times"},
		"FieldOfMore":       {change{"\t\ttrue,\n\t\ttrue,\n\t)", "\t\ttrue,\n\t\ttrue,\n\t\ttrue,\n\t)"}, "_Thing_name: ResolveField has other arguments"},
		"FieldsContext":     {change{"return ec.fieldContext_Thing_name(ctx, field)", "return nil, nil"}, "_Thing_name: ResolveField has other arguments"},
		"NoAnswer":          {change{"data.MarshalGQL(&buf)\n\t\t\treturn", "data.WriteGQL(&buf)\n\t\t\treturn"}, "MarshalGQL is named 0 times"},
		"FewerAnswers":      {change{"next(ctx)\n\t\t\tdata.MarshalGQL", "next(ctx)\n\t\t\tdata.WriteGQL"}, "answers are written in 2 places"},
		"MoreAnswers":       {change{"buf.Reset()", "data.MarshalGQL(&buf)"}, "Exec: MarshalGQL is called more than 3"},
		"AnswerElsewhere":   {change{"\treturn ret\n", "\tret.MarshalGQL(&buf)\n\treturn ret\n"}, "MarshalGQL is named 4 times, and 3"},
		"OtherBuffer":       {change{"next(ctx)\n\t\t\tdata.MarshalGQL(&buf)", "next(ctx)\n\t\t\tdata.MarshalGQL(w)"}, "Exec: MarshalGQL has other arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := rewrite([]byte(changed(t, generated, test.change)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if len(got) > 0 {
				t.Error("there is code beside the error")
			}
		})
	}
}
