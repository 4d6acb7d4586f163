package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/cli/demo"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

func newDemo(a *app) *cobra.Command {
	var dir string
	var keep bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch three systems come into agreement",
		Long: "Make a CRM, a billing system and a newsletter's list of a few hundred messy people in\n" +
			"./syncline-demo, bring them into agreement, edit them on all sides, merge the edits,\n" +
			"decide a conflict, and read all three to see that they agree. On a terminal it stays up\n" +
			"with the Web UI; elsewhere it ends.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.screen.json {
				return usage("the demo speaks to people: it has no -o json")
			}
			t := &tour{a: a, s: a.screen}
			if err := t.prepare(dir, keep); err != nil {
				return err
			}
			if err := t.all(c.Context()); err != nil {
				return err
			}
			return t.stay(c.Context())
		},
	}
	c.Flags().StringVar(&dir, "dir", "syncline-demo", "the folder for it")
	c.Flags().BoolVar(&keep, "keep", false, "keep what an earlier demo left, and take a folder beside it")
	return c
}

// tour is one demo going on.
type tour struct {
	a     *app
	s     *screen
	dir   string
	site  demo.Site
	story demo.Story
}

// prepare finds the folder and makes sure that the demo stays in it: it never
// goes to the cluster or ledger of real syncs.
func (t *tour) prepare(dir string, keep bool) error {
	t.dir = dir
	for n := 2; keep; n++ {
		if _, err := os.Stat(t.dir); errors.Is(err, os.ErrNotExist) {
			break
		}
		t.dir = fmt.Sprintf("%s-%d", dir, n)
	}
	t.site = demo.Site{Dir: t.dir}
	for _, name := range []string{"TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	if err := os.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.dir, "no-temporal.toml")); err != nil {
		return err
	}
	if running, err := engine.Look(engine.Options{State: t.site.State()}); err == nil && running.Up {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("another demo is up in %s: %s", t.dir, running.UI),
			next: "end it with Ctrl-C, or take `--keep` for a second one",
		}
	}
	f := &t.a.flags
	f.state, f.definitions, f.env, f.ledger, f.stage = t.site.State(), t.site.Definitions(), "", "", ""
	t.s.env = ""
	return nil
}

// all tells the story from its beginning to its end.
func (t *tour) all(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	steps := []func(context.Context) error{t.firstSync, t.edits, t.secondSync, t.merged, t.decide, t.agreement}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) title(n int, text string) { t.s.say("\n%s", t.s.bold(fmt.Sprintf("%d  %s", n, text))) }

func (t *tour) begin(ctx context.Context) error {
	site, err := demo.Build(ctx, t.dir)
	if err != nil {
		next := "nothing was touched; take another folder with --dir"
		if !errors.Is(err, demo.ErrNotOurs) {
			next = "take another folder with --dir"
		}
		return &exitError{code: exitFailed, err: err, next: next}
	}
	t.site = site
	found, err := site.Compare(ctx)
	if err != nil {
		return err
	}
	t.s.say("%s", t.s.bold("Three systems that should know the same people, and do not:"))
	t.s.say("   crm      SQLite  %d contacts     %s", found.CRM, filepath.Join(t.dir, "crm.db"))
	t.s.say("   billing  SQLite  %d customers    %s", found.Billing, filepath.Join(t.dir, "billing.db"))
	t.s.say("   news     CSV     %d subscribers  %s", found.News, filepath.Join(t.dir, "subscribers.csv"))
	t.s.say("   %d people are missing from crm or billing, %d differ; case, spaces, accents and phone", len(found.Alone), len(found.Differ))
	t.s.say("   numbers are a mess. One definition says what goes where: %s", filepath.Join(t.site.Definitions(), "people.yaml"))
	_, err = t.a.openEngine(ctx)
	return err
}

func (t *tour) run(ctx context.Context) (activities.Result, error) {
	revision, err := t.a.pin(ctx, t.a.house, demo.Sync, 0)
	if err != nil {
		return activities.Result{}, err
	}
	t.a.spoke(demo.Sync)
	started, err := worker.Ask(ctx, t.a.client(), demo.Sync, workflows.Ask{Trigger: "manual", Revision: revision})
	if err != nil {
		return activities.Result{}, fmt.Errorf("start the run: %w", plainError(err))
	}
	result, err := t.a.follow(ctx, started)
	if err != nil {
		return result, err
	}
	if result.Outcome != activities.OutcomeDone && result.Outcome != activities.OutcomeWaiting {
		return result, fmt.Errorf("the run ended as %s: %s", result.Outcome, result.Reason)
	}
	t.result(result)
	return result, nil
}

func (t *tour) result(r activities.Result) {
	c := r.Counts
	t.s.say("   %s %s in %.1f s: %d read, %d changed, %d unchanged, %d left alone, %s",
		t.s.green("✓"), r.Run, r.Seconds, c.Read, c.Applied+c.Owed, c.Unchanged, c.Ignored, count(r.Open, "open conflict"))
	for _, name := range []string{"crm", "billing", "news"} {
		w := r.Systems[name]
		t.s.say("     %-8s %3d created, %3d updated, %d deleted", name, w.Created, w.Updated, w.Deleted)
	}
}

func (t *tour) firstSync(ctx context.Context) error {
	t.title(1, "First sync: join by e-mail, fill gaps, create who is missing. It never deletes.")
	_, err := t.run(ctx)
	return err
}

func (t *tour) edits(ctx context.Context) error {
	t.title(2, "People edit all three, each with their own tools:")
	story, err := t.site.Happen(ctx)
	if err != nil {
		return fmt.Errorf("edit the systems: %w", err)
	}
	t.story = story
	for _, edit := range story.Edits {
		t.s.say("   %-8s %s", edit.System, edit.What)
	}
	return nil
}

func (t *tour) secondSync(ctx context.Context) error {
	t.title(3, "Sync again: only what changed is written.")
	_, err := t.run(ctx)
	return err
}

// merged shows the record that was edited on three sides.
func (t *tour) merged(ctx context.Context) error {
	t.title(4, "Three edits of one person became one record: "+t.story.Merged)
	session, err := t.a.house.Sessions.Open(ctx, demo.Sync, 0)
	if err != nil {
		return err
	}
	defer session.Close()
	links, err := t.a.house.Ledger.FindLinks(ctx, session.Scope, t.story.Merged)
	if err != nil {
		return err
	}
	if len(links) != 1 {
		return fmt.Errorf("%d records are known as %s", len(links), t.story.Merged)
	}
	view := viewLink(session, links[0])
	for _, name := range session.Mapping.Schema.Names() {
		if field, known := view.Fields[name]; known {
			t.s.say("   %-8s %-28s %s", name, shown(field.Base), t.s.dim("from "+field.From))
		}
	}
	return nil
}

// decide shows the conflict and decides it with the signal that the Web UI and
// Temporal's own command line can send as well.
func (t *tour) decide(ctx context.Context) error {
	t.title(5, "Two edits of one field wait for a person: "+t.story.Contested)
	rows, err := t.a.house.Ledger.Conflicts(ctx, ledger.ConflictFilter{Sync: demo.Sync, State: "open"})
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return fmt.Errorf("%d conflicts are open; there should be one", len(rows))
	}
	view := viewConflict(rows[0])
	t.s.say("   conflict %d, %s (%s):", view.ID, t.s.bold(view.Field), view.Kind)
	t.s.say("     %-8s %s", "before", shown(view.Base))
	for _, name := range view.order {
		t.s.say("     %-8s %s", name, t.s.yellow(shown(view.Values[name])))
	}
	decision := activities.Decision{
		Conflict: view.ID, Digest: view.Seen, Verb: "take", System: "billing", Who: "demo", Why: "they pay for it",
	}
	t.s.say("   Decided by a signal, as the Web UI or `temporal workflow signal` can send it:")
	t.s.say("     %s", t.s.dim(fmt.Sprintf(`decide {"conflict":%d,"digest":"%s","verb":"take","system":"billing","who":"demo","why":"they pay for it"}`,
		view.ID, view.Seen)))
	handle := t.a.client().GetWorkflow(ctx, workflows.SyncID(demo.Sync), "")
	if err := t.a.client().SignalWorkflow(ctx, workflows.SyncID(demo.Sync), "", workflows.SignalDecide, decision); err != nil {
		return fmt.Errorf("send the signal: %w", err)
	}
	if err := t.settled(ctx, handle); err != nil {
		return err
	}
	t.s.say("   %s decided, and written to crm", t.s.green("✓"))
	return nil
}

// settled waits until the Sync has nothing open any more, and so ends.
func (t *tour) settled(ctx context.Context, sync client.WorkflowRun) error {
	ctx, cancel := context.WithTimeout(ctx, appliedTimeout)
	defer cancel()
	if err := sync.Get(ctx, nil); err != nil {
		return fmt.Errorf("wait for the decision to be applied: %w", err)
	}
	open, _, err := t.a.house.Ledger.CountConflicts(ctx, demo.Sync)
	if err == nil && open > 0 {
		err = fmt.Errorf("%d conflicts are still open", open)
	}
	return err
}

// agreement reads the three systems with nothing of ours.
func (t *tour) agreement(ctx context.Context) error {
	t.title(6, "What agrees now, read from the three files themselves:")
	found, err := t.site.Compare(ctx)
	if err != nil {
		return err
	}
	for _, email := range sortedKeys(found.Differ) {
		t.s.say("   %s %s differs in %s", t.s.red("✗"), email, strings.Join(found.Differ[email], ", "))
	}
	if len(found.Alone) > 0 || len(found.Differ) > 0 {
		return fmt.Errorf("%d people are not in both crm and billing, %d differ", len(found.Alone), len(found.Differ))
	}
	t.s.say("   %s %d of %d people are the same in crm and billing, and in news where they subscribed (%d)",
		t.s.green("✓"), found.Same, found.Everywhere, found.News)
	t.s.say("   %s %d records without an address were left alone, as the definition says", t.s.green("✓"), found.Aside)
	t.s.say("\n%s  cd %s", t.s.bold("Look around:"), t.dir)
	t.s.say("   syncline show people %s    one person: every system, who wrote what", t.story.Merged)
	t.s.say("   syncline history people    every write, before and after")
	t.s.say("   syncline plan people       edit a system first, and see what a run would do")
	return nil
}

// stay keeps the engine up for whoever wants to look around.
func (t *tour) stay(ctx context.Context) error {
	if !t.s.asks {
		return nil
	}
	t.s.say("\nWeb UI  %s   %s", t.s.bold(t.a.engine.UIURL()), t.s.dim("(Ctrl-C ends the demo)"))
	t.a.signals.wait(ctx)
	return nil
}
