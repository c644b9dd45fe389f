// SPDX-License-Identifier: Apache-2.0

package timeline

// style returns the style sheet. What is as it should be is calm, so that the eye falls on what is not; every colour is told
// by words as well.
func style() string {
	return `
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:11px;fill:#24313f}
.page{fill:#fdfdfc}
.promise{font-size:21px;font-weight:600}
.verdict{font-size:12px;font-weight:600;fill:#ffffff}
.note,.tick{fill:#6b7683}
.failure{font-size:12px;fill:#b3261e}
.name{font-size:13px;font-weight:600}
.member{fill:#4d5966}
.label,.calm{paint-order:stroke;stroke:#fdfdfc;stroke-width:3px;stroke-linejoin:round}
.middle{text-anchor:middle}
.end{text-anchor:end}
.calm{fill:#6b7683;font-size:10px}
.grid{stroke:#e6e8ea;stroke-width:1}
.rule{stroke:#d5d9dd;stroke-width:1}
.guide{stroke-width:1;stroke-dasharray:3 3}
.guide.bad{stroke:#e8a09a}.guide.good{stroke:#9ccfb5}.guide.order{stroke:#9dbfe6}.guide.plain{stroke:#c5cbd1}
.ending{stroke:#c62f26;stroke-width:2}
.pill.kept{fill:#2b8a5f}.pill.lost{fill:#c62f26}
.dot{stroke:#fdfdfc;stroke-width:1;fill:#8a95a1}
.dot.bad{fill:#d23c32}.dot.good{fill:#2f9e6e}.dot.order{fill:#2f74c0}
.cross{stroke:#c62f26;stroke-width:2.2;stroke-linecap:round;fill:none}
.arrow{fill:#2f74c0}
.lead{stroke-width:3;stroke-linecap:round}
.lead.good{stroke:#bfe3d0}.lead.bad{stroke:#f0b9b4}.lead.plain,.lead.order{stroke:#d5d9dd}
.asks{stroke:#cfd6dc;stroke-width:2}
.failed{fill:#d23c32}
.state{font-size:10px;font-weight:600}
.s-alive,.s-fine{fill:#c3e6d2}.s-in-step{fill:#c9dff3}.s-serves{fill:#d5eadf}
.s-held-0{fill:#b9d9f0}.s-held-1{fill:#d9cdf2}.s-held-2{fill:#f2dcc0}
.s-suspect,.s-drained{fill:#f3b93b}.s-not-in-step,.s-trouble{fill:#ee8b3a}
.s-down,.s-out,.s-on-nobody{fill:#d64a40}.s-left{fill:#a9b3bd}.s-no-quorum{fill:#9a7bd8}
.s-alive-text,.s-fine-text{fill:#2d6a4b}.s-in-step-text{fill:#2f5d8a}
.s-held-0-text{fill:#1f4f78}.s-held-1-text{fill:#4a3585}.s-held-2-text{fill:#6b4310}
.s-down-text,.s-out-text,.s-on-nobody-text,.s-no-quorum-text{fill:#ffffff}
.s-suspect-text,.s-drained-text,.s-not-in-step-text,.s-trouble-text{fill:#4a3200}
@media (prefers-color-scheme:dark){
text{fill:#dde4ea}
.page{fill:#14191f}
.note,.tick,.calm{fill:#93a0ad}
.failure{fill:#ff8f86}
.member{fill:#aeb9c4}
.label,.calm{stroke:#14191f}
.grid{stroke:#242c34}.rule{stroke:#333d47}
.guide.bad{stroke:#7d3a36}.guide.good{stroke:#2c6148}.guide.order{stroke:#335b85}.guide.plain{stroke:#3c4650}
.ending,.cross{stroke:#ff6b60}
.dot{stroke:#14191f;fill:#7f8b97}
.dot.bad{fill:#ff6b60}.dot.good{fill:#45c48c}.dot.order{fill:#61a5ee}
.arrow{fill:#61a5ee}.failed{fill:#ff6b60}
.lead.good{stroke:#22503b}.lead.bad{stroke:#6e2f2b}.lead.plain,.lead.order{stroke:#333d47}
.asks{stroke:#333d47}
.s-alive,.s-fine{fill:#1f4a37}.s-in-step{fill:#213f5c}.s-serves{fill:#234033}
.s-held-0{fill:#1f4562}.s-held-1{fill:#3d3163}.s-held-2{fill:#5c4426}
.s-suspect,.s-drained{fill:#c9942a}.s-not-in-step,.s-trouble{fill:#c26d28}
.s-down,.s-out,.s-on-nobody{fill:#c0403a}.s-left{fill:#55606b}.s-no-quorum{fill:#7a5cc0}
.s-alive-text,.s-fine-text{fill:#9fdcbe}.s-in-step-text{fill:#a9cdf0}
.s-held-0-text{fill:#b5d9f7}.s-held-1-text{fill:#d3c6f7}.s-held-2-text{fill:#f0d6b3}
.s-suspect-text,.s-drained-text,.s-not-in-step-text,.s-trouble-text{fill:#1d1400}
}
`
}
