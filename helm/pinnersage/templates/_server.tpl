{{/* What makes a pod a server: flags, variables, memory, secrets. */}}

{{- define "pinnersage.serverArgs" -}}
- server
- --pins=/artefact
- --profiles={{ include "pinnersage.profilesUrl" . }}
- --host=0.0.0.0
- --port=50051
- --metrics-port=9464
- --workers={{ .Values.server.workers }}
- --cache-mb={{ .Values.server.cacheMb | int64 }}
- --connection-age-s={{ .Values.server.connectionAgeSeconds }}
- --grace-s={{ .Values.server.graceSeconds }}
- {{ ternary "--reflection" "--no-reflection" .Values.server.reflection }}
{{- if .Values.server.allowInsecure }}
- --allow-insecure
{{- end }}
{{- if .Values.tls.secretName }}
- --tls-cert=/etc/pinnersage/tls/tls.crt
- --tls-key=/etc/pinnersage/tls/tls.key
- --health-port=50052
{{- end }}
{{- if .Values.tls.clientCASecretName }}
- --tls-client-ca=/etc/pinnersage/client-ca/ca.crt
{{- end }}
{{- if .Values.apiKeys.secretName }}
- --api-keys=/etc/pinnersage/api-keys/keys
{{- end }}
{{- if .Values.server.recordActions }}
- --events={{ .Values.online.events }}
{{- end }}
{{- with .Values.server.variants }}
- --variants=/etc/pinnersage/variants/variants.toml
{{- end }}
{{- if .Values.server.requestLog.enabled }}
- --request-log=/request-log
# In MB, of a volume in MiB: room is left for the files that are being written.
- --request-log-mb={{ div (mul 9 .Values.server.requestLog.sizeMi) 10 }}
{{- end }}
{{- with .Values.server.traceEndpoint }}
- --trace-endpoint={{ . }}
{{- end }}
{{- include "pinnersage.flags" .Values.server.flags }}
{{- end }}

{{- define "pinnersage.serverEnv" -}}
{{- include "pinnersage.storeEnv" . }}
{{- if .Values.server.recordActions }}
{{- include "pinnersage.eventsEnv" . }}
{{- end }}
{{- with .Values.server.logSaltSecretName }}
- name: PINNERSAGE_LOG_SALT
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: salt}}
{{- end }}
{{- with .Values.server.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The kubelet speaks no TLS: then health, and nothing else, is answered in the clear on a port of its own. */}}
{{- define "pinnersage.isServing" -}}
grpc:
  port: {{ ternary 50052 50051 (ne .Values.tls.secretName "") }}
{{- end }}

{{/* One version of the artefact to run, two to pass from one to the next without reading either from the disk. */}}
{{- define "pinnersage.serverResources" -}}
{{- with .Values.server.resources }}
{{- toYaml . }}
{{- else }}
{{- $own := add (mul .Values.server.workers .Values.server.cacheMb) (mul .Values.server.workers .Values.server.overheadMi) -}}
requests: {cpu: {{ .Values.server.cpu | quote }}, memory: {{ add $own .Values.artefact.sizeMi }}Mi}
limits: {memory: {{ add $own (mul 2 .Values.artefact.sizeMi) }}Mi}
{{- end }}
{{- end }}

{{- define "pinnersage.serverMounts" -}}
{{- if .Values.tls.secretName }}
- {name: tls, mountPath: /etc/pinnersage/tls, readOnly: true}
{{- end }}
{{- if .Values.tls.clientCASecretName }}
- {name: client-ca, mountPath: /etc/pinnersage/client-ca, readOnly: true}
{{- end }}
{{- if .Values.apiKeys.secretName }}
- {name: api-keys, mountPath: /etc/pinnersage/api-keys, readOnly: true}
{{- end }}
{{- if .Values.server.variants }}
- {name: variants, mountPath: /etc/pinnersage/variants, readOnly: true}
{{- end }}
{{- if .Values.server.requestLog.enabled }}
- {name: request-log, mountPath: /request-log}
{{- end }}
{{- end }}

{{- define "pinnersage.serverVolumes" -}}
{{- with .Values.tls.secretName }}
- name: tls
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- with .Values.tls.clientCASecretName }}
- name: client-ca
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- with .Values.apiKeys.secretName }}
- name: api-keys
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- if .Values.server.variants }}
- name: variants
  configMap: {name: {{ include "pinnersage.fullname" . }}-variants}
{{- end }}
{{- with .Values.server.requestLog }}
{{- if .enabled }}
- name: request-log
{{- if .existingClaim }}
  persistentVolumeClaim: {claimName: {{ .existingClaim | quote }}}
{{- else }}
  emptyDir: {sizeLimit: {{ .sizeMi | int64 }}Mi}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What one value alone cannot tell. */}}
{{- define "pinnersage.checks" -}}
{{- if not (regexMatch "^[a-z]" (include "pinnersage.fullname" .)) -}}
{{- fail (printf "\n\nEverything would be called %s, and a Service's name begins with a letter: set fullnameOverride." (include "pinnersage.fullname" .)) -}}
{{- end -}}
{{- with .Values -}}
{{- if and (not .server.allowInsecure) (not (and .tls.secretName (or .apiKeys.secretName .tls.clientCASecretName))) -}}
{{- fail "\n\nEverybody who reaches the pods could call them: name secrets in tls.secretName and in apiKeys.secretName or tls.clientCASecretName, or say server.allowInsecure=true if the network keeps others out." -}}
{{- end -}}
{{- if and .tls.clientCASecretName (not .tls.secretName) -}}
{{- fail "\n\ntls.clientCASecretName asks callers for certificates, which needs TLS: name the server's own in tls.secretName." -}}
{{- end -}}
{{- $needed := add (ceil (mulf 1.1 .server.connectionAgeSeconds)) .server.graceSeconds -}}
{{- if lt (int .server.terminationGracePeriodSeconds) (int $needed) -}}
{{- fail (printf "\n\nserver.terminationGracePeriodSeconds is %v: a server needs %v s to end, 1.1 x connectionAgeSeconds and then graceSeconds, and would be killed with calls under way." .server.terminationGracePeriodSeconds $needed) -}}
{{- end -}}
{{- if and .profiles.url .valkey.enabled -}}
{{- fail "\n\nprofiles.url names a store, and valkey.enabled would start another that nobody uses: set valkey.enabled=false." -}}
{{- end -}}
{{- if not (or .profiles.url .valkey.enabled) -}}
{{- fail "\n\nThere is no store of profiles: set profiles.url=redis://HOST:PORT/DB, or valkey.enabled=true." -}}
{{- end -}}
{{- if and .valkey.enabled (not .valkey.secretName) (not .networkPolicy.enabled) -}}
{{- fail "\n\nThe chart's Valkey has no password (valkey.secretName) and, with networkPolicy.enabled=false, nothing else that keeps others out: set one of the two." -}}
{{- end -}}
{{- if and (or .indexBuild.enabled .batch.enabled) (not (or .data.existingClaim .data.fetchUrl)) -}}
{{- fail "\n\nThe nightly jobs do not know what to read: set data.existingClaim or data.fetchUrl (the folder with dataset.toml), or turn indexBuild.enabled and batch.enabled off." -}}
{{- end -}}
{{- if and .data.existingClaim .data.fetchUrl -}}
{{- fail "\n\ndata.existingClaim and data.fetchUrl both say where the data is: set one." -}}
{{- end -}}
{{- if and (eq .artefact.source "fetch") (not .artefact.fetch.url) -}}
{{- fail "\n\nartefact.source is fetch, but artefact.fetch.url does not say from where: REMOTE:PATH of rclone." -}}
{{- end -}}
{{- if and (eq .batch.engine "spark") (not .batch.sparkImage) -}}
{{- fail "\n\nbatch.engine is spark, but the service's image has no Spark: name one that has it in batch.sparkImage (docs/deployment.md)." -}}
{{- end -}}
{{- if and .online.enabled (not .online.events) -}}
{{- fail "\n\nonline.enabled needs online.events: redis://HOST:PORT/DB?stream=NAME or kafka://HOST:PORT/TOPIC." -}}
{{- end -}}
{{- if and .online.enabled (not (or .data.existingClaim .data.fetchUrl)) -}}
{{- fail "\n\nonline.enabled needs the weights of actions, or each would count 1, a hide like a save: set data.existingClaim or data.fetchUrl (the folder with dataset.toml)." -}}
{{- end -}}
{{- if and .server.recordActions (not .online.events) -}}
{{- fail "\n\nserver.recordActions needs online.events, the stream that actions are appended to." -}}
{{- end -}}
{{- if and .online.archive (not .data.existingClaim) -}}
{{- fail "\n\nonline.archive is a folder of the data claim, and data.existingClaim names none." -}}
{{- end -}}
{{- if and (not .server.autoscaling.enabled) .server.disruptionBudget.enabled (lt (int .server.replicas) 2) -}}
{{- fail "\n\nserver.replicas=1 serves nobody while its node is drained: take 2, or set server.disruptionBudget.enabled=false." -}}
{{- end -}}
{{- if gt (int .server.autoscaling.minReplicas) (int .server.autoscaling.maxReplicas) -}}
{{- fail (printf "\n\nserver.autoscaling.minReplicas (%v) is above maxReplicas (%v)." .server.autoscaling.minReplicas .server.autoscaling.maxReplicas) -}}
{{- end -}}
{{- end -}}
{{- end }}
