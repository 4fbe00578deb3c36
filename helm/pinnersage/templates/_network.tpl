{{/* Where pods may go. */}}

{{/* The ports of an address, as in "h1:9092,h2", or the default of those that name none:
(list "h1:9092,h2" 9092) */}}
{{- define "pinnersage.portsOf" -}}
{{- $ports := list }}
{{- range splitList "," (index . 0) }}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default (index $ 1) | int) }}
{{- end }}
{{- range $ports | uniq }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}

{{/* HOST:PORT of a URL. */}}
{{- define "pinnersage.authority" -}}
{{- regexReplaceAll "^[a-z]+://([^/?]*).*$" . "${1}" }}
{{- end }}

{{- define "pinnersage.toNames" }}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}

{{- define "pinnersage.toStore" }}
{{- if .Values.profiles.url }}
- ports: {{- include "pinnersage.portsOf" (list (include "pinnersage.authority" .Values.profiles.url) 6379) | trim | nindent 4 }}
{{- else }}
- to:
    - podSelector:
        matchLabels: {{- include "pinnersage.selector" (list . "valkey") | nindent 10 }}
  ports: [{port: 6379, protocol: TCP}]
{{- end }}
{{- end }}

{{/* The stream: wherever it is, on the ports that its address names. */}}
{{- define "pinnersage.toEvents" }}
{{- with .Values.online.events }}
- ports: {{- include "pinnersage.portsOf" (list (include "pinnersage.authority" .) (hasPrefix "kafka:" . | ternary 9092 6379)) | trim | nindent 4 }}
{{- end }}
{{- end }}

{{- define "pinnersage.toTraces" }}
{{- with .Values.server.traceEndpoint }}
- ports: {{- include "pinnersage.portsOf" (list (include "pinnersage.authority" .) 4317) | trim | nindent 4 }}
{{- end }}
{{- end }}

{{- define "pinnersage.toObjects" }}
{{- if or (eq .Values.artefact.source "fetch") .Values.data.fetchUrl }}
- ports: [{port: 443, protocol: TCP}]
{{- end }}
{{- end }}

{{/* Of every pod of ours: names, profiles, objects, and what the values say. */}}
{{- define "pinnersage.egress" -}}
{{- include "pinnersage.toNames" . }}
{{- include "pinnersage.toStore" . }}
{{- include "pinnersage.toObjects" . }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
