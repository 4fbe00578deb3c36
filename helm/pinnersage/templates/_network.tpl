{{/* Where pods may go. */}}

{{- define "pinnersage.toNames" }}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}

{{- define "pinnersage.toStore" }}
{{- if .Values.profiles.url }}
- ports: [{port: {{ regexFind "[0-9]+$" (regexReplaceAll "^rediss?://([^/?]*).*$" .Values.profiles.url "${1}") | default "6379" }}, protocol: TCP}]
{{- else }}
- to:
    - podSelector:
        matchLabels: {{ include "pinnersage.selector" (list . "valkey") | nindent 10 }}
  ports: [{port: 6379, protocol: TCP}]
{{- end }}
{{- end }}

{{/* The stream: wherever it is, on the ports that its address names. */}}
{{- define "pinnersage.toEvents" }}
{{- $ports := list }}
{{- range regexFindAll ":[0-9]+" .Values.online.events -1 }}
{{- $ports = append $ports (dict "port" (. | trimPrefix ":" | int) "protocol" "TCP") }}
{{- end }}
- ports: {{ toYaml (default (list (dict "port" 6379 "protocol" "TCP")) $ports) | nindent 4 }}
{{- end }}

{{- define "pinnersage.toObjects" }}
{{- if or (eq .Values.artefact.source "fetch") .Values.data.fetchUrl }}
- ports: [{port: 443, protocol: TCP}]
{{- end }}
{{- end }}
