// SPDX-License-Identifier: Apache-2.0

// Renders and checks the chart with Helm's own engine, where no helm is installed.
//
//	render template --chart DIR [--values FILE] [--api-version GROUP/VERSION/KIND]... [--notes]
//	render lint --chart DIR
//	render validate < MANIFESTS
//
// Exit 0: the manifests (or the notes) on stdout; 1: refused, with the reason on stderr; 2: usage.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// What the checked-in manifests are rendered for.
const (
	releaseName = "holdfast"
	namespace   = "kube-system"
)

type list []string

func (l *list) String() string { return strings.Join(*l, ",") }
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// As `helm template`: values coalesced with the chart's, validated by its schema, rendered.
func render(directory, valuesFile string, capabilities *chartutil.Capabilities) (map[string]string, error) {
	loaded, err := loader.Load(directory)
	if err != nil {
		return nil, err
	}
	values := chartutil.Values{}
	if valuesFile != "" {
		if values, err = chartutil.ReadValuesFile(valuesFile); err != nil {
			return nil, fmt.Errorf("%s: %w", valuesFile, err)
		}
	}
	options := chartutil.ReleaseOptions{Name: releaseName, Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(loaded, values, options, capabilities)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(loaded, all)
}

func isNotes(name string) bool { return path.Base(name) == "NOTES.txt" }

// The documents of all templates in the order in which Helm creates them: the account before who uses it.
func manifests(files map[string]string, capabilities *chartutil.Capabilities) (string, error) {
	for name := range files {
		if isNotes(name) {
			delete(files, name)
		}
	}
	_, sorted, err := releaseutil.SortManifests(files, capabilities.APIVersions, releaseutil.InstallOrder)
	var all strings.Builder
	for _, one := range sorted {
		fmt.Fprintf(&all, "---\n%s\n", strings.TrimSpace(one.Content))
	}
	return all.String(), err
}

func template(directory, values string, apiVersions []string, notes bool) error {
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.APIVersions = append(capabilities.APIVersions, apiVersions...)
	files, err := render(directory, values, capabilities)
	if err != nil {
		return err
	}
	if notes {
		for name, text := range files {
			if isNotes(name) {
				fmt.Print(text)
			}
		}
		return nil
	}
	text, err := manifests(files, capabilities)
	if err != nil {
		return err
	}
	if err := validate(text); err != nil {
		return err
	}
	fmt.Print(text)
	return nil
}

// As `helm lint --strict`.
func check(directory string) error {
	result := lint.All(directory, nil, namespace, true)
	var problems []error
	for _, message := range result.Messages {
		if message.Severity >= support.WarningSev {
			problems = append(problems, message)
		}
	}
	return errors.Join(problems...)
}

func main() {
	flags := flag.NewFlagSet("render", flag.ExitOnError)
	directory := flags.String("chart", "", "the chart's `directory`")
	values := flags.String("values", "", "a `file` of values over the chart's own")
	notes := flags.Bool("notes", false, "print NOTES.txt in place of the manifests")
	var apiVersions list
	flags.Var(&apiVersions, "api-version", "a `kind` that the cluster has, as GROUP/VERSION/KIND")
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: render template|lint|validate [--chart DIR] [--values FILE] [--api-version KIND] [--notes]")
		os.Exit(2)
	}
	_ = flags.Parse(os.Args[2:]) // ExitOnError
	var err error
	switch os.Args[1] {
	case "template":
		err = template(*directory, *values, apiVersions, *notes)
	case "lint":
		err = check(*directory)
	case "validate":
		var text []byte
		if text, err = io.ReadAll(os.Stdin); err == nil {
			err = validate(string(text))
		}
	default:
		fmt.Fprintf(os.Stderr, "render: no such command: %s\n", os.Args[1])
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
