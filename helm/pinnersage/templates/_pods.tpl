{{/* What the pods have in common: hardening, the artefact, the data, the store. */}}

{{- define "pinnersage.podHardening" -}}
serviceAccountName: {{ include "pinnersage.fullname" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pinnersage.hardening" -}}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* A program of ours begins like this: image, hardening, /tmp. */}}
{{- define "pinnersage.program" -}}
image: {{ include "pinnersage.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "pinnersage.hardening" . }}
{{- end }}

{{/* {"ef-search": 400, "no-reflection": true} as arguments; what is true is the flag alone. Helm reads whole numbers as
floats: a million is to be 1000000, not 1e+06. */}}
{{- define "pinnersage.flags" -}}
{{- range $name, $value := . }}
{{- if kindIs "bool" $value }}
- {{ printf "--%s%s" (ternary "" "no-" $value) $name | quote }}
{{- else if and (kindIs "float64" $value) (eq $value (floor $value)) }}
- {{ printf "--%s=%d" $name (int64 $value) | quote }}
{{- else }}
- {{ printf "--%s=%v" $name $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* How often a pod may be asked in vain, every 5 s, until it has read the artefact. */}}
{{- define "pinnersage.startFailures" -}}
{{- $seconds := .Values.server.startSeconds | default (add 300 (div .Values.artefact.sizeMi 20)) -}}
{{- ceil (divf $seconds 5) -}}
{{- end }}

{{- define "pinnersage.storeEnv" -}}
{{- with include "pinnersage.profilesSecret" . }}
- name: PINNERSAGE_PROFILES_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: password}}
- name: PINNERSAGE_PROFILES_USERNAME
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: username, optional: true}}
{{- end }}
{{- end }}

{{- define "pinnersage.eventsEnv" -}}
{{- with .Values.online.secretName }}
- name: PINNERSAGE_EVENTS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: password}}
- name: PINNERSAGE_EVENTS_USERNAME
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: username, optional: true}}
{{- end }}
{{- end }}

{{- define "pinnersage.artefactVolume" -}}
- name: artefact
{{- if eq .Values.artefact.source "volume" }}
  persistentVolumeClaim: {claimName: {{ include "pinnersage.artefactClaim" . | quote }}}
{{- else }}
  emptyDir: {sizeLimit: {{ mul 4 .Values.artefact.sizeMi }}Mi}
- name: scripts
  configMap: {name: {{ include "pinnersage.fullname" . }}-scripts, defaultMode: 0555}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- end }}

{{- define "pinnersage.rclone" -}}
image: {{ .Values.artefact.fetch.image | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "pinnersage.hardening" . }}
{{- with .Values.artefact.fetch.secretName }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
env:
  # The remote is in the variables; of a file that is not there it would tell each time.
  - {name: RCLONE_CONFIG, value: /dev/null}
  - {name: RCLONE_CACHE_DIR, value: /tmp}
resources: {{- toYaml .Values.artefact.fetch.resources | nindent 2 }}
{{- end }}

{{/* Init container: what is live comes to this pod's disk. */}}
{{- define "pinnersage.fetchArtefact" -}}
{{- if eq .Values.artefact.source "fetch" }}
- name: fetch-artefact
  {{- include "pinnersage.rclone" . | nindent 2 }}
  command: [/scripts/fetch.sh, {{ .Values.artefact.fetch.url | quote }}, /artefact]
  volumeMounts:
    - {name: artefact, mountPath: /artefact}
    - {name: scripts, mountPath: /scripts, readOnly: true}
    - {name: tmp, mountPath: /tmp}
{{- end }}
{{- end }}

{{/* Container beside a program that runs on: new versions, added pins and the takedown list follow. */}}
{{- define "pinnersage.followArtefact" -}}
{{- if eq .Values.artefact.source "fetch" }}
- name: follow-artefact
  {{- include "pinnersage.rclone" . | nindent 2 }}
  command: [/scripts/fetch.sh, {{ .Values.artefact.fetch.url | quote }}, /artefact, {{ .Values.artefact.fetch.everySeconds | quote }}]
  volumeMounts:
    - {name: artefact, mountPath: /artefact}
    - {name: scripts, mountPath: /scripts, readOnly: true}
    - {name: tmp, mountPath: /tmp}
{{- end }}
{{- end }}

{{- define "pinnersage.dataVolume" -}}
- name: data
{{- if .Values.data.existingClaim }}
  persistentVolumeClaim: {claimName: {{ .Values.data.existingClaim | quote }}}
{{- else }}
  emptyDir: {sizeLimit: {{ .Values.data.sizeLimit }}}
{{- end }}
{{- end }}

{{- define "pinnersage.dataMount" -}}
name: data
mountPath: /data
{{- if and .Values.data.existingClaim .Values.data.folder }}
subPath: {{ .Values.data.folder | quote }}
{{- end }}
{{- end }}

{{- define "pinnersage.fetchData" -}}
{{- if not .Values.data.existingClaim }}
- name: fetch-data
  {{- include "pinnersage.rclone" . | nindent 2 }}
  command: [rclone, copy, {{ .Values.data.fetchUrl | quote }}, /data]
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: tmp, mountPath: /tmp}
{{- end }}
{{- end }}

{{/* Weights of actions, without which each would count 1, a hide like a save: no more of the data than says so. */}}
{{- define "pinnersage.fetchWeights" -}}
{{- if not .Values.data.existingClaim }}
- name: fetch-weights
  {{- include "pinnersage.rclone" . | nindent 2 }}
  command: [rclone, copy, {{ .Values.data.fetchUrl | quote }}, /data, --include, /dataset.toml]
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: tmp, mountPath: /tmp}
{{- end }}
{{- end }}
