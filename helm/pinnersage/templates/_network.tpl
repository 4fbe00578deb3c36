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

{{- define "pinnersage.toObjects" }}
{{- if or (eq .Values.artefact.source "fetch") .Values.data.fetchUrl }}
- ports: [{port: 443, protocol: TCP}]
{{- end }}
{{- end }}
