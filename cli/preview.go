package cli

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/activities"
)

func newPreview(a *app) *cobra.Command {
	var system string
	var limit int
	c := &cobra.Command{
		Use:   "preview NAME",
		Short: "Send five records through the mapping, and write nothing",
		Long: "Send the first five records of a system through the mapping, side by side: as the system\n" +
			"has them, as the sync sees them, and as each other system would get them. Nothing is written.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			def, err := a.find(house, args[0])
			if err != nil {
				return err
			}
			previewer := &activities.Previewer{Sessions: house.Sessions}
			shown, err := previewer.Preview(c.Context(), def, system, limit)
			if err != nil {
				return unwritten(err)
			}
			if a.screen.json {
				return a.screen.print(shown)
			}
			a.showPreview(shown)
			return nil
		},
	}
	c.Flags().StringVar(&system, "system", "", "records of this system (default the first that is read)")
	c.Flags().IntVar(&limit, "limit", 5, "so many records")
	return c
}

// unwritten says of an error of a command that only looks what to do next.
func unwritten(err error) error {
	var coded *exitError
	if errors.As(err, &coded) {
		return err
	}
	next := "nothing was written; `syncline check` shows what does not fit"
	if codeOfKind(err) == exitUnreachable {
		next = "nothing was written; `syncline connections test` tries the connections alone"
	}
	return &exitError{code: codeOfKind(err), err: err, next: next}
}

func (a *app) showPreview(p *activities.Preview) {
	s := a.screen
	if len(p.Records) == 0 {
		s.say("%s has no records", p.System)
		return
	}
	for i, r := range p.Records {
		if i > 0 {
			s.say("")
		}
		s.say("%s %s", s.bold(p.System), s.bold(r.Key))
		columns := []column{newColumn(p.System, r.Raw, ""), newColumn(p.Sync, r.Canonical, r.Note)}
		for _, w := range r.Writes {
			columns = append(columns, newColumn(w.System, w.Cells, w.Note))
		}
		for _, line := range beside(columns) {
			s.say("  %s", line)
		}
		for _, c := range columns {
			if c.note != "" {
				s.say("  %s", s.yellow(c.title+": "+c.note))
			}
		}
	}
	s.say("\nNothing was written. What a run would do: syncline plan %s", p.Sync)
}

// column is one side of a preview.
type column struct {
	title, note string
	lines       []string
	width       int
}

// columnWidth bounds the width of a side, so that three fit on a screen.
const columnWidth = 38

func newColumn(title string, cells []activities.Cell, note string) column {
	c := column{title: title, note: note, width: utf8.RuneCountInString(title)}
	names := 0
	for _, cell := range cells {
		names = max(names, utf8.RuneCountInString(cell.Name))
	}
	names = min(names, columnWidth/2)
	for _, cell := range cells {
		line := cut(fmt.Sprintf("%-*s %s", names, cut(cell.Name, names), shown(cell.Value)), columnWidth)
		c.lines = append(c.lines, line)
		c.width = max(c.width, utf8.RuneCountInString(line))
	}
	return c
}

func cut(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

// beside puts columns next to each other, an arrow between their titles.
func beside(columns []column) []string {
	height := 0
	for _, c := range columns {
		height = max(height, len(c.lines))
	}
	lines := make([]string, height+1)
	for i, c := range columns {
		for row := range lines {
			text := c.title
			if row > 0 {
				text = ""
			}
			if row > 0 && row <= len(c.lines) {
				text = c.lines[row-1]
			}
			between := "   "
			if i == 0 {
				between = ""
			} else if row == 0 {
				between = "→  "
			}
			lines[row] += between + text + strings.Repeat(" ", c.width-utf8.RuneCountInString(text))
		}
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}
