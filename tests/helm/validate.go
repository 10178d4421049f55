// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// A fresh object of a kind that the chart may make; nil for kinds of others (the Prometheus operator).
func typed(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 Pod":
		return &corev1.Pod{}
	case "apps/v1 DaemonSet":
		return &appsv1.DaemonSet{}
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return &rbacv1.ClusterRole{}
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}
	}
	return nil
}

// Every document into the API's own types: an unknown, duplicate or ill-typed field is an error. Then policy.
func validate(text string) error {
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for count := 0; ; count++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			if count == 0 {
				return errors.New("the chart renders to nothing")
			}
			return nil
		}
		if err != nil {
			return err
		}
		var meta struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := strict.Unmarshal(document, &meta); err != nil {
			return fmt.Errorf("document %d: %w", count+1, err)
		}
		if meta.Kind == "" || meta.APIVersion == "" {
			return fmt.Errorf("document %d has no kind or apiVersion:\n%s", count+1, document)
		}
		object := typed(meta.APIVersion, meta.Kind)
		if object == nil {
			if strings.HasPrefix(meta.APIVersion, "monitoring.coreos.com/") {
				continue
			}
			return fmt.Errorf("document %d: unexpected kind %s %s", count+1, meta.APIVersion, meta.Kind)
		}
		if err := strict.UnmarshalStrict(document, object); err != nil {
			return fmt.Errorf("%s: %w", meta.Kind, err)
		}
		if err := policy(object); err != nil {
			return err
		}
	}
}
