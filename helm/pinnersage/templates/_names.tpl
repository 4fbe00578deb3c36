{{/* Names and labels. */}}

{{- define "pinnersage.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* Short enough that a CronJob's pods, with all that is put behind it, still have a name. */}}
{{- define "pinnersage.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "pinnersage.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pinnersage.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* What a part is selected by: (list $ "server") */}}
{{- define "pinnersage.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "pinnersage.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "pinnersage.labels" -}}
{{- $ := index . 0 -}}
{{ include "pinnersage.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version }}
{{- end }}

{{- define "pinnersage.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "pinnersage.artefactClaim" -}}
{{- default (printf "%s-artefact" (include "pinnersage.fullname" .)) .Values.artefact.volume.existingClaim -}}
{{- end }}

{{- define "pinnersage.profilesUrl" -}}
{{- default (printf "redis://%s-valkey:6379/0" (include "pinnersage.fullname" .)) .Values.profiles.url -}}
{{- end }}

{{/* The secret with the store's password: of profiles.url, or of the chart's own Valkey. */}}
{{- define "pinnersage.profilesSecret" -}}
{{- if .Values.profiles.url }}{{ .Values.profiles.secretName }}{{ else }}{{ .Values.valkey.secretName }}{{ end -}}
{{- end }}
