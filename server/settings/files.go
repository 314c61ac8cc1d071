package settings

import (
	"errors"
	"io/fs"
	"os"
	"os/user"

	"petitiond/server/operation"
	"petitiond/server/secret"
)

// This file parses the settings that name files. They are read here and not where they are used: a file is wrong before
// a database is opened or not at all, and is named along with all other faults.

// setSecretFile takes a file with a secret, or one that is not there: whether it may be made is decided when the
// database is known.
func setSecretFile(c *Config, v string) error {
	c.SecretFile = v
	_, err := secret.Load(v)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, secret.ErrMalformed):
		return secret.ErrMalformed // without the path
	}
	return unreadable(err)
}

// setTrustedDocuments reads the documents of the site, whose form alone is known here. What they ask is checked against
// the schema by those who have it.
func setTrustedDocuments(c *Config, v string) error {
	if v == "" {
		return nil
	}
	file, err := os.Open(v)
	if err != nil {
		return unreadable(err)
	}
	defer file.Close()
	c.TrustedDocuments, err = operation.ReadManifest(file)
	if err == nil && len(c.TrustedDocuments) == 0 {
		err = errors.New("the manifest has no document")
	}
	return err //nolint:wrapcheck // it says that it is about a manifest
}

// unreadable says why a file cannot be read, and who would have to be allowed to: the user of a service is often
// another than the one who made the file.
func unreadable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("names a file that does not exist")
	case errors.Is(err, fs.ErrPermission):
		name := ""
		if u, err := user.Current(); err == nil {
			name = " " + u.Username
		}
		return errors.New("names a file that the user" + name + ", who runs this program, may not read; " +
			"correct this with chown")
	}
	return errors.New("names a file that cannot be read")
}
