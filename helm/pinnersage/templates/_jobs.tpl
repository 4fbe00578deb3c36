{{/* The nightly jobs: one pod each, of init containers that bring what is read and one that does the work. */}}

{{/* (dict "root" $ "values" .Values.batch "component" "batch") */}}
{{- define "pinnersage.cronJob" -}}
{{- $ := .root -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "pinnersage.fullname" $ }}-{{ .component }}
  labels: {{- include "pinnersage.labels" (list $ .component) | nindent 4 }}
spec:
  schedule: {{ .values.schedule | quote }}
  timeZone: {{ .values.timeZone | quote }}
  concurrencyPolicy: Forbid
  suspend: {{ default false .suspend }}
  startingDeadlineSeconds: {{ .values.startingDeadlineSeconds | int64 }}
  successfulJobsHistoryLimit: {{ .values.successfulJobsHistoryLimit }}
  failedJobsHistoryLimit: {{ .values.failedJobsHistoryLimit }}
  jobTemplate:
    metadata:
      labels: {{- include "pinnersage.labels" (list $ .component) | nindent 8 }}
    spec:
      backoffLimit: {{ .values.backoffLimit }}
      activeDeadlineSeconds: {{ .values.deadlineSeconds | int64 }}
      template:
        metadata:
          labels: {{- include "pinnersage.labels" (list $ .component) | nindent 12 }}
        spec:
          {{- include "pinnersage.podHardening" $ | nindent 10 }}
          restartPolicy: Never
          terminationGracePeriodSeconds: 30
{{- end }}

{{/* The mounts of a job; the pins read-only unless they are what it makes. */}}
{{- define "pinnersage.jobMounts" -}}
- {{ include "pinnersage.dataMount" . | nindent 2 | trim }}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{/* A container, or an init container where what it made is then taken away. */}}
{{- define "pinnersage.indexBuild" }}
- name: index-build
  {{- include "pinnersage.program" . | nindent 2 }}
  args:
    - index_builder
    - build
    - --data=/data
    - --out=/artefact
    - --rejects=/tmp/rejects.jsonl
    - --keep={{ .Values.indexBuild.keep }}
    {{- with include "pinnersage.flags" .Values.indexBuild.flags | trim }}{{ . | nindent 4 }}{{ end }}
  resources: {{- toYaml .Values.indexBuild.resources | nindent 4 }}
  volumeMounts:
    - {name: artefact, mountPath: /artefact}
    {{- include "pinnersage.jobMounts" . | nindent 4 }}
{{- end }}
