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
{{- define "email.default.text" }}{{ template "__subject" . }}
{{ template "__text_alert_list" .Alerts.Firing }}{{ template "__text_alert_list" .Alerts.Resolved }}{{ end -}}
{{- define "email.default.html" -}}
<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{ template "__sluice_html_subject" . }}</title></head>
<body style="font-family: sans-serif">
<h2>{{ template "__sluice_html_subject" . }}</h2>
{{ range .Alerts }}<h3 style="color: {{ if eq .Status "firing" }}#b30000{{ else }}#1a7f37{{ end }}">{{ toUpper .Status }}: {{ html (or .Annotations.summary .Labels.alertname) }}</h3>
<p>{{ html .Annotations.description }}</p>
<table>{{ range .Labels.SortedPairs }}<tr><td>{{ html .Name }}</td><td>{{ html .Value }}</td></tr>{{ end }}</table>
<p>Since {{ date "2006-01-02 15:04:05 MST" .StartsAt }}{{ if eq .Status "resolved" }}, lasted {{ lasted .StartsAt .EndsAt }}{{ end }}{{ if .GeneratorURL }} &middot; <a href="{{ html .GeneratorURL }}">Source</a>{{ end }}</p>
{{ end }}<p><a href="{{ html .ExternalURL }}/#/alerts">View alerts</a></p>
</body></html>
{{- end -}}
{{- define "__sluice_html_subject" -}}
{{ if eq .Status "firing" }}{{ len .Alerts.Firing }} firing{{ else }}Resolved{{ end }}: {{ html (join " " .GroupLabels.SortedPairs.Values) }}
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
{{ if .Annotations.seen_from }}seen from: {{ slackEscape .Annotations.seen_from }}  {{ end -}}
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
{{ end }}{{ template "__sluice_links" . }}
{{ end -}}
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
