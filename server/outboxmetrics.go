package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"petitiond/server/outbox"
)

// outboxMetrics shows the numbers of the outbox. Their only label is the kind of entry.
type outboxMetrics struct{ stats func() []outbox.Stats }

// outboxMetric is one of these numbers.
type outboxMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(outbox.Stats) float64
}

// outboxMetricList has all of them.
var outboxMetricList = []outboxMetric{
	{
		outboxDesc("waiting", "Entries, such as mails, that are not sent yet, of all replicas; counted every ten seconds."), prometheus.GaugeValue,
		func(s outbox.Stats) float64 { return float64(s.Waiting) },
	},
	{
		outboxDesc("parked", "Entries that were given up and are kept for 30 days, of all replicas."), prometheus.GaugeValue,
		func(s outbox.Stats) float64 { return float64(s.Parked) },
	},
	{
		outboxDesc("oldest_seconds", "How long the entry that has been due longest waits, of all replicas."), prometheus.GaugeValue,
		func(s outbox.Stats) float64 { return s.Oldest.Seconds() },
	},
	{
		outboxDesc("sent_total", "Entries that this server has sent."), prometheus.CounterValue,
		func(s outbox.Stats) float64 { return float64(s.Sent) },
	},
	{
		outboxDesc("failed_tries_total", "Tries of this server that failed."), prometheus.CounterValue,
		func(s outbox.Stats) float64 { return float64(s.Failed) },
	},
	{
		outboxDesc("given_up_total", "Entries that this server has given up, refused for good or after eight tries."), prometheus.CounterValue,
		func(s outbox.Stats) float64 { return float64(s.GivenUp) },
	},
}

func outboxDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("petitiond_outbox_"+name, help, []string{"kind"}, nil)
}

// Describe names the metrics.
func (outboxMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, m := range outboxMetricList {
		to <- m.desc
	}
}

// Collect reads them.
func (o outboxMetrics) Collect(to chan<- prometheus.Metric) {
	for _, s := range o.stats() {
		for _, m := range outboxMetricList {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s), s.Kind)
		}
	}
}
