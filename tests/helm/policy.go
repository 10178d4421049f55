// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// What no values may change: least privilege of the daemon, an account that only reads, probes that
// stay on the node. docs/deploy.md promises it.
func policy(object any) error {
	switch one := object.(type) {
	case *appsv1.DaemonSet:
		return podPolicy(&one.Spec.Template.Spec)
	case *rbacv1.ClusterRole:
		return rolePolicy(one)
	}
	return nil
}

func rolePolicy(role *rbacv1.ClusterRole) error {
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			if !slices.Contains([]string{"get", "list", "watch"}, verb) {
				return fmt.Errorf("policy: the ClusterRole may %s %v", verb, rule.Resources)
			}
		}
		for _, resource := range rule.Resources {
			if !slices.Contains([]string{"services", "endpointslices", "nodes", "namespaces"}, resource) {
				return fmt.Errorf("policy: the ClusterRole reads %s", resource)
			}
		}
	}
	return nil
}

func podPolicy(pod *corev1.PodSpec) error {
	if !pod.HostNetwork || pod.HostPID || pod.HostIPC {
		return fmt.Errorf("policy: hostNetwork, and neither hostPID nor hostIPC")
	}
	if pod.DNSPolicy != corev1.DNSDefault {
		return fmt.Errorf("policy: dnsPolicy %s needs cluster DNS", pod.DNSPolicy)
	}
	for _, volume := range pod.Volumes {
		if volume.HostPath != nil && (volume.HostPath.Path == "/" || strings.HasPrefix(volume.HostPath.Path, "/proc")) {
			return fmt.Errorf("policy: hostPath %s", volume.HostPath.Path)
		}
	}
	if len(pod.Containers) != 1 {
		return fmt.Errorf("policy: %d containers", len(pod.Containers))
	}
	return containerPolicy(&pod.Containers[0])
}

func containerPolicy(container *corev1.Container) error {
	context := container.SecurityContext
	if context == nil || context.Privileged == nil || *context.Privileged {
		return fmt.Errorf("policy: the daemon's container is privileged")
	}
	if context.AllowPrivilegeEscalation == nil || *context.AllowPrivilegeEscalation {
		return fmt.Errorf("policy: allowPrivilegeEscalation")
	}
	if context.ReadOnlyRootFilesystem == nil || !*context.ReadOnlyRootFilesystem {
		return fmt.Errorf("policy: the root file system can be written")
	}
	if context.Capabilities == nil || !slices.Equal(context.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		return fmt.Errorf("policy: capabilities are not dropped")
	}
	if len(context.Capabilities.Add) < 3 || !slices.Equal(context.Capabilities.Add[:3], []corev1.Capability{"BPF", "NET_ADMIN", "PERFMON"}) {
		return fmt.Errorf("policy: capabilities %v", context.Capabilities.Add)
	}
	if _, limited := container.Resources.Limits[corev1.ResourceMemory]; !limited {
		return fmt.Errorf("policy: no memory limit")
	}
	probes := map[string]*corev1.Probe{"/livez": container.LivenessProbe, "/readyz": container.ReadinessProbe}
	for path, probe := range probes {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Host == "" {
			return fmt.Errorf("policy: no probe of %s on the node's own address", path)
		}
	}
	if container.StartupProbe == nil || container.StartupProbe.HTTPGet.Path != "/livez" {
		return fmt.Errorf("policy: the start-up probe is not /livez: readiness may wait for a control plane")
	}
	return nil
}
