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

// rewritten is what becomes of it.
//
//go:embed testdata/rewritten.txt
var rewritten string

func TestRewrite(t *testing.T) {
	t.Parallel()
	got, err := rewrite([]byte(generated))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rewritten, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFields checks which fields are leaves and branches: all others are computed by gqlgen.
func TestFields(t *testing.T) {
	t.Parallel()
	const leaf, branch = `graphql.NewScalarFieldContext("Thing", field, false, false, "String")`, "\treturn fc, nil\n"
	for name, test := range map[string]struct {
		change           change
		leaves, branches int
	}{
		"All":                 {change{}, 2, 1},
		"Method":              {change{"obj.Name, nil", "obj.Name(), nil"}, 2, 1},
		"MoreThanReading":     {change{"return obj.Name, nil", "fc := graphql.GetFieldContext(ctx)\n\t\t\treturn obj.Name, fc.Err"}, 1, 1},
		"Enumeration":         {change{"v string", "v model.Color"}, 0, 1},
		"ListOfLeaves":        {change{"v string", "v []string"}, 0, 1},
		"Directives":          {change{"\t\tnil,\n\t\tfunc(ctx context.Context, s", "\t\tec.middleware,\n\t\tfunc(ctx context.Context, s"}, 0, 0},
		"LeafWithArguments":   {change{"\treturn " + leaf, "\tfc, err = " + leaf + "\n\tfc.Args, err = ec.args(ctx)\n\treturn fc, err"}, 1, 1},
		"BranchWithArguments": {change{branch, "\tfc.Args, err = ec.args(ctx)\n" + branch}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := generated
			if name != "All" {
				code = changed(t, code, test.change)
			}
			got, err := rewrite([]byte(code))
			if none := err != nil && strings.Contains(err.Error(), "no field is a leaf"); none != (test.leaves == 0) {
				t.Fatalf("error %v, want %d leaves", err, test.leaves)
			}
			if n := strings.Count(string(got), "fastexec.Leaf("); n != test.leaves {
				t.Errorf("%d leaves, want %d", n, test.leaves)
			}
			if n := strings.Count(string(got), "fastexec.Branch("); err == nil && n != test.branches {
				t.Errorf("%d branches, want %d", n, test.branches)
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
		"ResolveInside":     {change{"\t\t\tout.ResolveConcurrently(", "\t\t\t_ = out.ResolveConcurrently("}, "_Thing: ResolveConcurrently has other arguments"},
		"OtherResolve":      {change{"&deferred, i,", "deferred, i,"}, "_Thing: ResolveConcurrently has other arguments"},
		"ResolveElsewhere":  {change{"return ec._Subscription_thing", "out.ResolveConcurrently(ec.OperationContext, &deferred, i, true, true, nil)\n\treturn ec._Subscription_thing"}, "_Subscription: ResolveConcurrently is called outside"},
		"NoSlice":           {change{"graphql.MarshalSliceConcurrently(", "graphql.MarshalSlice("}, "MarshalSliceConcurrently is named 0 times"},
		"LimitedSlice":      {change{list, "graphql.MarshalSliceConcurrently(ctx, len(v), 8, false, "}, "MarshalSliceConcurrently has other arguments"},
		"SliceWithPanics":   {change{list, "graphql.MarshalSliceConcurrently(ctx, len(v), 0, true, "}, "MarshalSliceConcurrently has other arguments"},
		"SliceNotesOther":   {change{"fc.Result = &v[i]", "fc.Result = v[i]"}, "MarshalSliceConcurrently has other arguments"},
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
