package graph

import (
	"reflect"
	"strings"

	"petitiond/graph/model"
	"petitiond/server/fields"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/signing"
)

// signingOf translates the input of signPetition.
func signingOf(in model.SignPetitionInput) petitioning.Signing {
	return petitioning.Signing{
		Petition: petitionKey(in.PetitionID), Name: in.Name, Email: in.Email, Country: in.Country,
		ShowName: in.ShowName != nil && *in.ShowName, Comment: in.Comment, Updates: in.Updates != nil && *in.Updates,
		StatementVersion: in.StatementVersion, Locale: in.Locale,
		IdempotencyKey: in.IdempotencyKey,
	}
}

// orderOf converts an order. The direction is null where a client writes so; absent it has the default of the schema.
func orderOf(in *model.PetitionOrder) *reading.Order {
	if in == nil {
		return nil
	}
	out := reading.Order{Field: in.Field, Direction: reading.Desc}
	if in.Direction != nil {
		out.Direction = *in.Direction
	}
	return &out
}

// remarkOf translates the input of addComment.
func remarkOf(in model.AddCommentInput) petitioning.Remark {
	return petitioning.Remark{
		Petition: petitionKey(in.PetitionID), Parent: commentKey(in.ParentID), Body: in.Body, AuthorName: in.AuthorName,
		IdempotencyKey: in.IdempotencyKey,
	}
}

// amendmentOf translates the changes of updateSignature.
func amendmentOf(in model.UpdateSignatureInput) signing.Amendment {
	return signing.Amendment{
		ShowName: in.ShowName, Updates: in.Updates, WithdrawComment: in.WithdrawComment != nil && *in.WithdrawComment,
	}
}

// updateOf converts an input: an absent field stays nil. A null becomes a pointer to nil where it removes a value;
// elsewhere it is recorded in Nulls.
func updateOf(in model.UpdatePetitionInput) petitioning.Update {
	u := petitioning.Update{Petition: petitionKey(in.ID), Version: in.Version}
	input, update := reflect.ValueOf(in), reflect.ValueOf(&u).Elem()
	for i := range input.NumField() {
		value, omittable := input.Field(i).Interface().(interface{ IsSet() bool })
		if !omittable || !value.IsSet() {
			continue
		}
		// The name in the schema is the link between the two structs, whose fields need not have the same names in Go.
		name, _, _ := strings.Cut(input.Type().Field(i).Tag.Get("json"), ",")
		given := input.Field(i).MethodByName("Value").Call(nil)[0]
		into := fields.Named(update, name)
		// A field that can be removed is a pointer to a pointer: the outer one says that it was given, the inner one is
		// the value.
		clears := given.Kind() == reflect.Pointer && into.Type().Elem() == given.Type()
		switch {
		case given.IsNil() && !clears:
			u.Nulls = append(u.Nulls, name)
		case given.Type() == into.Type():
			into.Set(given)
		default:
			at := reflect.New(given.Type())
			at.Elem().Set(given)
			into.Set(at)
		}
	}
	return u
}
