{{/*
Names are fixed: the webhooks and the ConfigMaps that the leader keeps in users' namespaces exist once in a
cluster, so a second release must be refused (by Helm, which finds objects it does not own), not live beside this one.
*/}}
{{- define "tulle.name" -}}tulle{{- end }}

{{/* What every selector of this chart uses; it can never change. */}}
{{- define "tulle.selector" -}}
app.kubernetes.io/name: {{ include "tulle.name" . }}
{{- end }}

{{- define "tulle.labels" -}}
{{ include "tulle.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* An image as a container names it: of (image, default tag). */}}
{{- define "tulle.reference" -}}
{{- with .image -}}
{{- .repository -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.tag }}{{ end -}}
{{- end -}}
{{- end }}

{{/* The image of the control plane, which is also what injected pods run as `tulle capture`. */}}
{{- define "tulle.image" -}}
{{- include "tulle.reference" (dict "image" .Values.image "tag" .Chart.AppVersion) -}}
{{- end }}

{{/* `spec` of the settings: the values, and the images and DNS, which have values of their own. */}}
{{- define "tulle.settings" -}}
{{- $images := dict
  "image" (include "tulle.image" .)
  "envoyImage" (include "tulle.reference" (dict "image" .Values.proxy.image))
  "imagePullPolicy" .Values.proxy.image.pullPolicy
-}}
{{- $injection := merge $images .Values.config.injection -}}
{{- $dns := pick .Values.dns "enabled" "zones" -}}
{{- toYaml (merge (dict "injection" $injection "dns" $dns) .Values.config) -}}
{{- end }}

{{/* The API server's way to us; the CA bundle is put in by the leader, and stays where no template names it. */}}
{{- define "tulle.webhookClient" -}}
service:
  name: {{ include "tulle.name" .root }}
  namespace: {{ .root.Release.Namespace }}
  path: {{ .path }}
  port: 443
{{- end }}
