#include "alerts/notify/default_templates.h"

namespace sluice::alerts::notify {
namespace {

// What both looks share: the one-line subject and the links.
#define SLUICE_SUBJECT_TEMPLATES \
  R"tmpl(
{{- define "__subject" -}}
[{{ if eq .Status "firing" }}FIRING:{{ len .Alerts.Firing }}{{ else }}{{ toUpper .Status }}{{ end }}] {{ join " " .GroupLabels.SortedPairs.Values }} {{ $more := .CommonLabels.Remove .GroupLabels.Names }}{{ if $more }}({{ join " " $more.Values }}){{ end }}
{{- end -}}
{{- define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ urlquery .Receiver }}{{ end -}}
{{- define "__text_alert_list" }}{{ range . }}Labels:
{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Annotations:
{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Source: {{ .GeneratorURL }}
{{ end }}{{ end -}}
{{- define "slack.default.title" }}{{ template "__subject" . }}{{ end -}}
{{- define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{- define "slack.default.fallback" }}{{ template "slack.default.title" . }} | {{ template "slack.default.titlelink" . }}{{ end -}}
{{- define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end -}}
{{- define "slack.default.callbackid" }}{{ end -}}
{{- define "slack.default.callback_id" }}{{ end -}}
{{- define "slack.default.pretext" }}{{ end -}}
{{- define "slack.default.iconemoji" }}{{ end -}}
{{- define "slack.default.iconurl" }}{{ end -}}
{{- define "slack.default.footer" }}{{ end -}}
{{- define "pagerduty.default.client" }}{{ template "__alertmanager" . }}{{ end -}}
{{- define "pagerduty.default.clientURL" }}{{ template "__alertmanagerURL" . }}{{ end -}}
{{- define "pagerduty.default.instances" }}{{ template "__text_alert_list" . }}{{ end -}}
{{- define "email.default.subject" }}{{ template "__subject" . }}{{ end -}}
{{- define "__sluice_text_alert" }}{{ or .Annotations.summary .Labels.alertname }}
{{ if eq .Status "firing" }}  since {{ date "2006-01-02 15:04:05 MST" .StartsAt }}{{ else }}  over after {{ lasted .StartsAt .EndsAt }}, {{ date "2006-01-02 15:04:05" .StartsAt }} to {{ date "15:04:05 MST" .EndsAt }}{{ end }}
{{ range .Labels.SortedPairs }}  {{ .Name }} = {{ .Value }}
{{ end }}{{ range .Annotations.SortedPairs }}{{ if ne .Name "summary" }}  {{ .Name }}: {{ .Value }}
{{ end }}{{ end }}{{ if .GeneratorURL }}  source: {{ .GeneratorURL }}
{{ end }}
{{ end -}}
{{- define "email.default.text" }}{{ template "__subject" . }}

{{ range $i, $alert := .Alerts.Firing }}{{ if lt $i 50 }}{{ template "__sluice_text_alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) 50 }}{{ len (slice .Alerts.Firing 50) }} more firing
{{ end -}}
{{ range $i, $alert := .Alerts.Resolved }}{{ if lt $i 50 }}{{ template "__sluice_text_alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Resolved) 50 }}{{ len (slice .Alerts.Resolved 50) }} more resolved
{{ end }}{{ template "__alertmanagerURL" . }}
{{ end -}}
{{- define "__sluice_html_alert" -}}
<h3 style="margin-bottom: 0; color: {{ if eq .Status "firing" }}#b30000{{ else }}#1a7f37{{ end }}">{{ or .Annotations.summary .Labels.alertname }}</h3>
<p style="margin-top: 0">{{ if eq .Status "firing" }}firing since {{ date "2006-01-02 15:04:05 MST" .StartsAt }}
{{- else }}over after {{ lasted .StartsAt .EndsAt }}, {{ date "2006-01-02 15:04:05" .StartsAt }} to {{ date "15:04:05 MST" .EndsAt }}{{ end }}
{{- with .Annotations.runbook_url }}{{ if match "^https?://" . }} &middot; <a href="{{ . }}">Runbook</a>{{ end }}{{ end }}
{{- with .Annotations.dashboard_url }}{{ if match "^https?://" . }} &middot; <a href="{{ . }}">Dashboard</a>{{ end }}{{ end }}
{{- if match "^https?://" .GeneratorURL }} &middot; <a href="{{ .GeneratorURL }}">Source</a>{{ end }}</p>
{{ with .Annotations.description }}<p>{{ . }}</p>
{{ end }}<table style="font-size: 90%">
{{ range .Annotations.SortedPairs }}{{ if not (match "^(summary|description|runbook_url|dashboard_url)$" .Name) }}<tr><td><b>{{ .Name }}</b></td><td>{{ .Value }}</td></tr>
{{ end }}{{ end }}{{ range .Labels.SortedPairs }}<tr><td>{{ .Name }}</td><td>{{ .Value }}</td></tr>
{{ end }}</table>
{{ end -}}
{{- define "email.default.html" -}}
<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{ template "__subject" . }}</title></head>
<body style="font-family: sans-serif">
<h2>{{ template "__subject" . }}</h2>
{{ range $i, $alert := .Alerts.Firing }}{{ if lt $i 50 }}{{ template "__sluice_html_alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) 50 }}<p>{{ len (slice .Alerts.Firing 50) }} more firing</p>
{{ end -}}
{{ range $i, $alert := .Alerts.Resolved }}{{ if lt $i 50 }}{{ template "__sluice_html_alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Resolved) 50 }}<p>{{ len (slice .Alerts.Resolved 50) }} more resolved</p>
{{ end }}<p><a href="{{ template "__alertmanagerURL" . }}">All alerts of this receiver</a></p>
</body></html>
{{- end -}}
)tmpl"

constexpr std::string_view kAlertmanager = SLUICE_SUBJECT_TEMPLATES R"tmpl(
{{- define "__alertmanager" }}Alertmanager{{ end -}}
{{- define "slack.default.text" }}{{ end -}}
{{- define "pagerduty.default.description" }}{{ template "__subject" . }}{{ end -}}
{{- define "__sluice_pagerduty_firing" }}{{ template "pagerduty.default.instances" .Alerts.Firing }}{{ end -}}
{{- define "__sluice_pagerduty_resolved" }}{{ template "pagerduty.default.instances" .Alerts.Resolved }}{{ end -}}
{{- define "__sluice_pagerduty_num_firing" }}{{ len .Alerts.Firing }}{{ end -}}
{{- define "__sluice_pagerduty_num_resolved" }}{{ len .Alerts.Resolved }}{{ end -}}
)tmpl";

// One alert is a paragraph: what, for how long; reason, vantage, value; description; links.
constexpr std::string_view kSluice = SLUICE_SUBJECT_TEMPLATES R"tmpl(
{{- define "__alertmanager" }}Sluice{{ end -}}
{{- define "__sluice_what" -}}
{{ or .Annotations.summary .Annotations.title .Labels.instance .Labels.alertname }}
{{- end -}}
{{- define "__sluice_facts" -}}
{{ $reason := or .Annotations.reason .Labels.reason }}{{ if $reason }}reason: `{{ slackEscape $reason }}`  {{ end -}}
{{ if .Annotations.value }}value: {{ slackEscape .Annotations.value }}{{ if .Annotations.threshold }} (threshold {{ slackEscape .Annotations.threshold }}){{ end }}  {{ end -}}
{{ $seen := or .Annotations.seen_from agent }}{{ if $seen }}seen from: {{ slackEscape $seen }}  {{ end -}}
{{ if .Labels.severity }}severity: {{ slackEscape .Labels.severity }}{{ end }}
{{- end -}}
{{- define "__sluice_links" -}}
{{ $runbook := or .Annotations.runbook_url .Annotations.runbook }}{{ if $runbook }}<{{ $runbook }}|Runbook>  {{ end -}}
{{ $dashboard := or .Annotations.dashboard_url .Annotations.dashboard }}{{ if $dashboard }}<{{ $dashboard }}|Dashboard>  {{ end -}}
{{ if .GeneratorURL }}<{{ .GeneratorURL }}|Query>{{ end }}
{{- end -}}
{{- define "__sluice_paragraph" -}}
*{{ slackEscape (clip 200 (or .Annotations.summary .Annotations.title .Labels.instance .Labels.alertname)) }}*
{{- if eq .Status "firing" }} for {{ lasted .StartsAt now }}, since {{ date "2006-01-02 15:04:05 MST" .StartsAt }}
{{- else }} is over after {{ lasted .StartsAt .EndsAt }} ({{ date "15:04:05" .StartsAt }} to {{ date "15:04:05 MST" .EndsAt }}){{ end }}
{{ template "__sluice_facts" . }}
{{ if and .Annotations.description (eq .Status "firing") }}{{ slackEscape (clip 500 .Annotations.description) }}
{{ end }}{{ template "__sluice_links" . }}{{ if or .Annotations.runbook_url .Annotations.runbook .Annotations.dashboard_url .Annotations.dashboard .GeneratorURL }}
{{ end }}
{{- end -}}
{{- define "__sluice_silence_url" -}}
{{ .ExternalURL }}/#/silences/new?filter=%7B{{ range $i, $pair := .CommonLabels.SortedPairs }}{{ if $i }}%2C%20{{ end }}{{ urlquery $pair.Name }}%3D%22{{ urlquery $pair.Value }}%22{{ end }}%7D
{{- end -}}
{{- define "slack.default.text" -}}
{{ range $i, $alert := .Alerts.Firing }}{{ if lt $i 8 }}{{ template "__sluice_paragraph" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) 8 }}_{{ len (slice .Alerts.Firing 8) }} more firing_
{{ end -}}
{{ range $i, $alert := .Alerts.Resolved }}{{ if lt $i 8 }}{{ template "__sluice_paragraph" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Resolved) 8 }}_{{ len (slice .Alerts.Resolved 8) }} more resolved_
{{ end -}}
{{ if eq .Status "firing" }}<{{ template "__sluice_silence_url" . }}|Silence>{{ end }}
{{- end -}}
{{- define "pagerduty.default.description" -}}
{{ if .CommonAnnotations.summary }}{{ .CommonAnnotations.summary }}{{ else }}{{ template "__subject" . }}{{ end }}
{{- end -}}
)tmpl";

#undef SLUICE_SUBJECT_TEMPLATES

}  // namespace

std::string_view default_templates(Look look) {
  return look == Look::kAlertmanager ? kAlertmanager : kSluice;
}

}  // namespace sluice::alerts::notify
