package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// searchPatience is how long a cluster may take to make new search attributes usable;
// its services refresh their view of a namespace every few seconds.
const searchPatience = 60 * time.Second

// ensureSearchAttributes registers those of ours that the namespace lacks and returns
// when all can be used. A workflow that sets an unknown one would fail forever.
func ensureSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	if usable(ctx, c, namespace) == nil {
		return nil
	}
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list the search attributes of %q: %w", namespace, err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, kind := range searchAttributes() {
		switch got, ok := have.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = kind
		case got != kind:
			return fmt.Errorf("the search attribute %s of %q is of type %s, but Syncline needs %s", name, namespace, got, kind)
		}
	}
	if len(missing) > 0 {
		_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: namespace, SearchAttributes: missing,
		})
		// Another Syncline may have been as fast as we are.
		if _, exists := errors.AsType[*serviceerror.AlreadyExists](err); err != nil && !exists {
			return fmt.Errorf("register search attributes in %q: %w; somebody with the right to do so can run: %s",
				namespace, err, registration(namespace, missing))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	for {
		err := usable(ctx, c, namespace)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the search attributes of %q: %w", namespace, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// usable fails while a query with all of our search attributes does.
func usable(ctx context.Context, c client.Client, namespace string) error {
	var terms []string
	for _, name := range slices.Sorted(maps.Keys(searchAttributes())) {
		// Quoted, for Trigger is a word of the query language.
		terms = append(terms, "`"+name+"` IS NOT NULL")
	}
	_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace, Query: strings.Join(terms, " AND "),
	})
	if err != nil {
		return fmt.Errorf("query by search attributes: %w", err)
	}
	return nil
}

// registration is the command that registers search attributes.
func registration(namespace string, attributes map[string]enumspb.IndexedValueType) string {
	var command strings.Builder
	command.WriteString("temporal operator search-attribute create --namespace " + namespace)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(&command, " --name %s --type %s", name, attributes[name])
	}
	return command.String()
}
