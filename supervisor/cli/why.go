// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

func newWhyCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why [RESOURCE]",
		Short: "Explain where a resource is, why, and what would move it",
		Long: `Explain in words, as this node sees it: where a resource is and by whose
decision, which nodes could hold it and why others cannot, and what would move
it. Without an argument all resources are explained.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: env.completeWords(resourceWords),
	}
	form := formatFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client := env.client()
		defer client.Close()
		view, err := client.Status(cmd.Context())
		if err != nil {
			return err
		}
		if len(args) > 0 {
			one, ok := resourceOf(view, args[0])
			if !ok {
				return noResource(view, args[0])
			}
			view.Resources = []cluster.ResourceView{one}
		}
		told := explain(view, time.Now())
		if form.is != formatTable {
			return form.encode(env.stdout, told)
		}
		if len(told) == 0 {
			return env.print("There is nothing to explain: the cluster file has no resources.")
		}
		p := env.newPage(view, form)
		p.why(told)
		return env.printPage(p)
	}
	return cmd
}

func noResource(view cluster.View, name string) error {
	err := fmt.Errorf("there is no resource %.100q", name)
	var names []string
	for _, r := range view.Resources {
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return hintedError{err, "the cluster file has no resources"}
	}
	return hintedError{err, "there are: " + strings.Join(names, ", ")}
}

// why fills the page with explanations.
func (p *page) why(told []explanation) {
	if doubt := told[0].Doubt; doubt != "" { // it is the same for all
		for _, line := range wrap(clean("▲ "+doubt), p.at.width, p.at) {
			p.lines = append(p.lines, p.style.warn.Render(line))
		}
		p.lines = append(p.lines, "")
	}
	for i, e := range told {
		if i > 0 {
			p.lines = append(p.lines, "", "")
		}
		p.explanation(e)
	}
}

func (p *page) explanation(e explanation) {
	style, glyph := p.mark(e.State)
	p.lines = append(p.lines, style.Render(glyph)+" "+p.style.bold.Render(clean(e.Says)), "")
	margin := strings.Repeat(" ", indent)
	for _, sentence := range e.Because {
		for _, line := range wrap(clean(sentence), p.at.width-indent, p.at) {
			p.lines = append(p.lines, margin+line)
		}
	}
	nodes := &table{heads: []string{"NODE", "MAY IT HOLD IT?"}}
	for _, n := range e.Nodes {
		nodes.add(clean(string(n.Node)), clean(n.Says))
	}
	moves := &table{heads: []string{"IF", "THEN"}}
	for _, m := range e.Moves {
		moves.add(clean(m.If), clean(m.Then))
	}
	for _, t := range []*table{nodes, moves} {
		if lines := t.lines(p.at); len(lines) > 0 {
			p.lines = append(append(p.lines, ""), lines...)
		}
	}
}
