{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "holdfast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "holdfast.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "holdfast.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* An IPv6 address in brackets, as every URL and listen address wants it. */ -}}
{{- define "holdfast.listen" -}}
{{- if contains ":" .Values.admin.address -}}
[{{ .Values.admin.address }}]:{{ .Values.admin.port }}
{{- else -}}
{{ .Values.admin.address }}:{{ .Values.admin.port }}
{{- end -}}
{{- end -}}

{{- /* The kubelet probes from the node's own network namespace, where a wildcard is loopback. */ -}}
{{- define "holdfast.probeHost" -}}
{{- if eq .Values.admin.address "0.0.0.0" -}}
127.0.0.1
{{- else if eq .Values.admin.address "::" -}}
::1
{{- else -}}
{{ .Values.admin.address }}
{{- end -}}
{{- end -}}

{{- define "holdfast.probe" -}}
{host: {{ include "holdfast.probeHost" (first .) | quote }}, port: admin, path: {{ last . }}}
{{- end -}}

{{- define "holdfast.config" -}}
{{- range $key := list "sources" "admin" "state_dir" -}}
{{- if hasKey $.Values.config $key -}}
{{- fail (printf "config.%s: the chart writes this key; use apiServers, kubeconfig, extraSources, admin or hostPaths" $key) -}}
{{- end -}}
{{- end -}}
{{- $api := dict -}}
{{- if .Values.kubeconfig -}}
{{- $_ := set $api "kubeconfig" .Values.kubeconfig -}}
{{- else -}}
{{- $_ := set $api "in_cluster" true -}}
{{- end -}}
{{- if .Values.apiServers -}}
{{- $_ := set $api "servers" .Values.apiServers -}}
{{- end -}}
{{- $config := dict
  "dataplane" (dict "cgroup" "auto" "bpffs" (printf "%s/holdfast" .Values.hostPaths.bpffs))
  "state_dir" .Values.hostPaths.state
  "admin" (dict "socket" (printf "%s/admin.sock" .Values.hostPaths.run) "listen" (include "holdfast.listen" .))
  "sources" (concat (list (dict "name" "kubernetes" "kubernetes" $api)) .Values.extraSources) -}}
{{- toYaml (mergeOverwrite $config (deepCopy .Values.config)) -}}
{{- end -}}
