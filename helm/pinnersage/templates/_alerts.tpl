{{/* The rules of a file, of this release: (list $ "alerts" JOB). Elsewhere another may serve, so what is absent is asked of
the job that our ServiceMonitor makes of a Service; whoever scrapes otherwise calls jobs as they like. */}}
{{- define "pinnersage.alerts" -}}
{{- $ := index . 0 -}}
{{- $rules := regexReplaceAll "^(#.*\n)*groups:\n" ($.Files.Get (printf "files/%s.yaml" (index . 1))) "" -}}
{{- if $.Values.monitoring.serviceMonitor.enabled -}}
{{- $release := printf "{namespace=%q, job=%q}" $.Release.Namespace (index . 2) -}}
{{- $rules = regexReplaceAll "absent\\((\\w+)\\)" $rules (printf "absent(${1}%s)" $release) -}}
{{- end -}}
{{- $claims := printf "namespace=%q, persistentvolumeclaim=~%q" $.Release.Namespace (include "pinnersage.claims" $) -}}
{{- $rules | replace "persistentvolumeclaim=~\".*pinnersage.*\"" $claims | replace "\n  " "\n" -}}
{{- end }}

{{/* The volumes that fill up, as an alternative. */}}
{{- define "pinnersage.claims" -}}
{{- $claims := list .Values.data.existingClaim -}}
{{- if .Values.server.requestLog.enabled -}}
{{- $claims = append $claims .Values.server.requestLog.existingClaim -}}
{{- end -}}
{{- if eq .Values.artefact.source "volume" -}}
{{- $claims = append $claims (include "pinnersage.artefactClaim" .) -}}
{{- end -}}
{{- if .Values.valkey.enabled -}}
{{- $claims = append $claims (printf "data-%s-valkey-0" (include "pinnersage.fullname" .)) -}}
{{- end -}}
{{- $claims | compact | uniq | join "|" -}}
{{- end }}
