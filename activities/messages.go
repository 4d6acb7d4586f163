package activities

import "fmt"

func errOtherIdentity(system string) error {
	return fmt.Errorf("%s is not the system that this sync knew under that name: another database, table or file", system)
}
