package operation

import "testing"

// TestSelectsOnly names types, whose leaf fields are meant, and single fields.
func TestSelectsOnly(t *testing.T) {
	t.Parallel()
	names := []string{"SignatureCount", "Statistics", "SignatureCount.petition", "Petition.id", "Petition.count"}
	j := newContractJudge(Options{})
	for doc, want := range map[string]bool{
		`{ count: signatureCount(petitionId: "a") { total version __typename } }`:                                                       true,
		`{ statistics { petitionCount } }`:                                                                                              true,
		`{ signatureCount(petitionId: "a") { total petition { id } } }`:                                                                 true,
		`{ signatureCount(petitionId: "a") { petition { __typename count { lastHour petition { id } } } } }`:                            true,
		`{ signatureCount(petitionId: "a") { ... on SignatureCount { total ...f } } } fragment f on SignatureCount { petition { id } }`: true,
		`{ signatureCount(petitionId: "a") { petition { id title } } }`:                                                                 false,
		`{ signatureCount(petitionId: "a") { petition { count { petition { title } } } } }`:                                             false,
		`{ signatureCount(petitionId: "a") { petition { ...f } } } fragment f on Petition { tags { name } }`:                            false,
		`{ signatureCount(petitionId: "a") { petition { ... on Petition { id body } } } }`:                                              false,
		`{ petitionChanged(petitionId: "a") { id } }`:                                                                                   false,
		`{ commentAdded(petitionId: "a") { petition { id } } }`:                                                                         false,
		`{ ...f } fragment f on Subscription { statistics { petitionCount } }`:                                                          false,
	} {
		op, f := j.Prepare(&Request{Query: "subscription " + doc})
		if f != nil {
			t.Fatalf("%s: %v", doc, f.Errors)
		}
		if got := op.SelectsOnly(names); got != want {
			t.Errorf("selects only that: %v, want %v: %s", got, want, doc)
		}
	}
}
