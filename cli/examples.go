package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// usageExamples has an example for each command, by its path behind `syncline`.
//
//nolint:gochecknoglobals // read only
var usageExamples = map[string]string{
	"demo":               "syncline demo --dir /tmp/people",
	"init":               "syncline init\nsyncline init --list\nsyncline init --example mirror",
	"connections list":   "syncline connections list -o json",
	"connections test":   "syncline connections test\nsyncline connections test crm --env prod",
	"discover":           "syncline discover crm\nsyncline discover crm public.contacts\nsyncline discover crm public.contacts --definition > mappings/contacts.yaml",
	"check":              "syncline check\nsyncline check customers --offline",
	"preview":            "syncline preview customers\nsyncline preview customers --system billing --limit 2",
	"plan":               "syncline plan customers\nsyncline plan customers --limit 500\nsyncline plan customers --exit-code || echo there is something to do",
	"run":                "syncline run customers\nsyncline run customers orders -o json\nsyncline run customers --except phone",
	"deploy":             "syncline deploy customers\nsyncline deploy customers --remove",
	"up":                 "syncline up\nsyncline up --ui-port 9000",
	"status":             "syncline status\nsyncline status customers -o json",
	"show":               "syncline show customers anna@example.com",
	"history":            "syncline history customers\nsyncline history customers --run customers/run/7 --system billing",
	"conflicts list":     "syncline conflicts list\nsyncline conflicts list customers --kind update_origin_differs -o json",
	"conflicts show":     "syncline conflicts show 12",
	"conflicts decide":   "syncline conflicts decide 12\nsyncline conflicts decide 12 --take billing --why 'they pay'\nsyncline conflicts decide 12 13 --value 'Anna Berg'\nsyncline conflicts decide --all --sync customers --field phone --take crm\nsyncline conflicts decide 12 --skip --until 2d",
	"quarantine list":    "syncline quarantine list customers",
	"quarantine show":    "syncline quarantine show 3",
	"quarantine retry":   "syncline quarantine retry 3 4",
	"quarantine discard": "syncline quarantine discard 3",
	"pause":              "syncline pause customers --reason 'billing moves house'\nsyncline pause customers --system billing",
	"rename":             "syncline rename customers people\nsyncline rename customers --system billing=payments",
	"resume":             "syncline resume customers\nsyncline resume customers --system billing",
	"approve":            "syncline approve customers/run/7\nsyncline run customers",
	"runs list":          "syncline runs list customers --limit 5",
	"runs show":          "syncline runs show customers/run/7",
	"runs follow":        "syncline runs follow customers/run/7",
	"runs cancel":        "syncline runs cancel customers/run/7",
	"doctor":             "syncline doctor",
	"logs":               "syncline logs customers --lines 20\nsyncline logs -f",
	"worker":             "TEMPORAL_ADDRESS=temporal:7233 syncline worker --ledger postgres://… --stage s3://bucket",
	"schema":             "syncline schema > definition.schema.json\nsyncline schema customers",
	"connectors":         "syncline connectors",
	"version":            "syncline version -o json",
}

// addExamples gives each command its example.
func addExamples(c *cobra.Command, path string) {
	if text, known := usageExamples[path]; known {
		c.Example = "  " + strings.ReplaceAll(text, "\n", "\n  ")
	}
	for _, child := range c.Commands() {
		addExamples(child, strings.TrimSpace(path+" "+child.Name()))
	}
}
