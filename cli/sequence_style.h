// SPDX-License-Identifier: BSD-3-Clause
//
// What the page of SequenceDiagram looks like.

#ifndef CLI_SEQUENCE_STYLE_H_
#define CLI_SEQUENCE_STYLE_H_

#include <string_view>

namespace virtio_user::cli {

inline constexpr std::string_view kSequenceColours = R"(:root {
  color-scheme: light dark;
  --bg: #fcfcfb; --fg: #1f252c; --muted: #68727d; --line: #e3e6ea;
  --card: #f4f5f7; --msg: #2f5fb3; --ans: #7d8894; --red: #c9372c;
  --red-bg: #fdecea; --amber: #b06a00; --green: #1e8a55;
  --ring-stopped: #cfd5db; --ring-started: #3fae7a; --ring-broken: #c9372c;
  --none: #c3cad1; --created: #5b8def; --negotiated: #9066d6;
  --running: #2fa36b; --needs-reset: #e08a1e; --peer: #4a5560;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #15181c; --fg: #e2e6ea; --muted: #949ea9; --line: #2b3138;
    --card: #1d2126; --msg: #7fa8f0; --ans: #8d98a4; --red: #ff7b70;
    --red-bg: #3a1d1b; --amber: #f0b35a; --green: #5fce97;
    --ring-stopped: #3d454e; --ring-started: #3fae7a; --ring-broken: #ff7b70;
    --none: #4a535d; --created: #6d9bf5; --negotiated: #a983ea;
    --running: #45bf84; --needs-reset: #eaa040; --peer: #aeb8c2;
  }
}
)";

inline constexpr std::string_view kSequencePageStyle = R"(
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1600px; padding: 24px 24px 64px;
  background: var(--bg); color: var(--fg);
  font: 13px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
code, pre { font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
h1 { font-size: 22px; line-height: 1.3; margin: 0 0 8px; }
h1 a { text-decoration: none; }
h1 .pass { color: var(--green); }
h1 .bad { color: var(--red); }
.facts { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 10px; padding: 0;
  list-style: none; }
.facts li { background: var(--card); border: 1px solid var(--line);
  border-radius: 4px; padding: 1px 8px; }
.facts b { font-weight: 600; }
.line { background: var(--card); border-radius: 4px; padding: 6px 10px;
  margin: 0 0 10px; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 16px;
  color: var(--muted); font-size: 12px; align-items: center; }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.legend svg { position: static; }
.key { width: 22px; height: 0; border-top: 2px solid var(--msg); }
.key.ans { border-top: 2px dashed var(--ans); }
.key.state { height: 12px; width: 6px; border: 0; }
.banner { background: var(--red-bg); border: 1px solid var(--red);
  border-left-width: 6px; border-radius: 4px; margin: 14px 0;
  padding: 10px 16px;
  overflow-wrap: anywhere; }
.banner b { color: var(--red); font-size: 15px; }
.banner p { margin: 4px 0 0; }
.banner .why { color: var(--muted); }
.verdict { margin: 14px 0; font-weight: 600; font-size: 15px;
  overflow-wrap: anywhere; }
.verdict.pass { color: var(--green); }
.verdict.bad { color: var(--red); }
button { font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 4px; padding: 2px 10px;
  cursor: pointer; }
summary { cursor: pointer; }
pre { background: var(--card); padding: 12px 16px; border-radius: 4px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
)";

inline constexpr std::string_view kSequencePictureStyle = R"(
.op { display: grid; grid-template-columns: 276px minmax(0, 1fr);
  border-top: 1px solid var(--line); }
.rows { display: flex; flex-direction: column; min-width: 0; }
.row { display: grid; min-height: 21px;
  grid-template-columns: 88px minmax(0, 1fr) 70px 226px; }
.end { flex: 1; min-height: 9px; }
.cols { position: sticky; top: 0; z-index: 3; background: var(--bg);
  border-top: 0; border-bottom: 2px solid var(--line); color: var(--muted);
  font-size: 12px; }
.cols .row { min-height: 30px; align-items: center; }
.cols .who { padding: 6px 8px; }
.cols .fe { border-color: transparent; font-weight: 400; }
.cols .be { border-color: transparent; white-space: nowrap; }
.cols .lane { height: 18px; }
.ringno { position: absolute; transform: translateX(-50%); font-size: 10px;
  top: 2px; }
.who { padding: 3px 8px 4px 8px; border-left: 4px solid var(--line);
  overflow-wrap: anywhere; }
.cols .who { border-left-color: transparent; }
.a-control { border-left-color: var(--created); }
.a-command { border-left-color: var(--negotiated); }
.a-memory { border-left-color: #2b9db3; }
.a-peer { border-left-color: var(--peer); }
.a-data { border-left-color: var(--running); }
.a-rings, .a-fault { border-left-color: var(--red); }
.stay { position: sticky; top: 36px; }
.no { display: inline-block; min-width: 26px; color: var(--muted);
  font-size: 11px; }
.args { color: var(--muted); padding-left: 26px; font-size: 12px; }
.args code { font-size: 11px; white-space: normal; }
.result { font-size: 11px; border-radius: 3px; padding: 0 5px; }
.result.ok { color: var(--green); }
.result.none { color: var(--muted); }
.result.failed { color: var(--amber); border: 1px solid currentColor; }
.result.lost { color: var(--red); border: 1px solid currentColor; }
.quiet, .idle { color: var(--muted); }
.quiet b { font-weight: 400; }
.idle ul { list-style: none; margin: 4px 0; padding: 0; font-size: 12px; }
.fe { border-right: 7px solid var(--none); text-align: right;
  padding-right: 8px; font-size: 12px; font-weight: 600; }
.fe.s-created { border-color: var(--created); }
.fe.s-negotiated { border-color: var(--negotiated); }
.fe.s-running { border-color: var(--running); }
.fe.s-needs-reset { border-color: var(--needs-reset); }
.unknown .fe { border-right: 7px dotted var(--muted); }
.key.s-none { background: var(--none); }
.key.s-created { background: var(--created); }
.key.s-negotiated { background: var(--negotiated); }
.key.s-running { background: var(--running); }
.key.s-needs-reset { background: var(--needs-reset); }
.be { border-left: 7px solid var(--peer); padding-left: 8px; }
.be.off { border-left-color: var(--line); }
.aside { color: var(--red); font-size: 12px; padding: 2px 0 2px 10px;
  overflow-wrap: anywhere; }
.cols .aside { color: var(--muted); }
.lane { position: relative; }
.rings { position: absolute; left: 0; top: 0; bottom: 0; width: var(--rings); }
.lab { position: relative; margin: 0 20px 0 calc(var(--rings) + 22px);
  min-height: 21px; padding-top: 1px; }
.lab > span { background: var(--bg); padding: 0 7px; display: inline-block;
  max-width: 100%; overflow-wrap: anywhere; }
.lab .name { font-weight: 600; }
.lab i { color: var(--muted); font-size: 11px; margin-left: 6px; }
.arrow { position: absolute; left: 0; right: 0; top: 10px; }
.msg .arrow { border-top: 2px solid var(--msg); }
.ans .arrow { border-top: 2px dashed var(--ans); }
.msg .arrow::after, .ans .arrow::after { content: ""; position: absolute;
  top: -6px; border: 5px solid transparent; }
.msg .arrow::after { right: 0; border-left: 9px solid var(--msg);
  border-right: 0; }
.ans .arrow::after { left: 0; border-right: 9px solid var(--ans);
  border-left: 0; }
.ans .lab { color: var(--muted); }
.ack, .lab i.ack { color: var(--green); }
.back { position: absolute; left: 0; right: 0; top: 16px;
  border-top: 1px dashed var(--green); }
.back::after { content: ""; position: absolute; left: 0; top: -4px;
  border: 3px solid transparent; border-left: 0;
  border-right: 6px solid var(--green); }
.refused .lab, .nack { color: var(--red); }
.refused .arrow { border-color: var(--red); }
.up .arrow { border-top: 4px double var(--green); }
.up .name { color: var(--green); }
.down .arrow { border-top: 4px double var(--red); }
.down .name { color: var(--red); }
.down .arrow::after { content: "\00d7"; position: absolute; top: -17px;
  color: var(--red); font-size: 22px; line-height: 1.4; background: var(--bg); }
.fe-end .arrow::after { left: 2px; }
.be-end .arrow::after { right: 2px; }
.fault .be, .wrong .be { border-left-color: var(--red); position: relative; }
.fault .be::before, .wrong .be::before { content: ""; position: absolute;
  left: 0; right: -4px; top: 10px; border-top: 1px solid var(--red); }
.fault .be::after, .wrong .be::after { content: "\26a1"; position: absolute;
  left: -15px; top: -1px; width: 22px; text-align: center; color: #fff;
  background: var(--red); border-radius: 11px; font-size: 11px;
  line-height: 21px; }
.wrong .be::after { content: "!"; font-weight: 700; font-size: 13px; }
.ring .lab, .mem .lab, .pkt .lab { color: var(--muted); font-size: 12px; }
.m { position: absolute; top: 5px; width: 11px; height: 11px; z-index: 1; }
.m-meant { color: var(--msg); }
.ans .m-meant { color: var(--ans); }
.m-starts { color: var(--green); }
.m-stops { color: var(--fg); }
.m-breaks { color: var(--red); }
.m-kick, .m-interrupt { color: var(--amber); }
.m-taken { color: var(--msg); }
.m-given { color: var(--negotiated); }
)";

// Referred to by the marks on the columns of rings.
inline constexpr std::string_view kSequenceSymbols =
    R"(<svg width="0" height="0" style="position:absolute"><defs>
<symbol id="meant" viewBox="0 0 11 11">
  <circle cx="5.5" cy="5.5" r="4" fill="currentColor"/></symbol>
<symbol id="starts" viewBox="0 0 11 11">
  <path d="M1 1h9L5.5 10z" fill="currentColor"/></symbol>
<symbol id="stops" viewBox="0 0 11 11">
  <path d="M1.5 1.5h8v8h-8z" fill="currentColor"/></symbol>
<symbol id="breaks" viewBox="0 0 11 11">
  <path d="M1.5 1.5l8 8m0-8l-8 8"
  stroke="currentColor" stroke-width="2.4"/></symbol>
<symbol id="kick" viewBox="0 0 11 11">
  <path d="M6.5 0L2 6.2h3L4.3 11 9 4.6H6z" fill="currentColor"/></symbol>
<symbol id="taken" viewBox="0 0 11 11">
  <path d="M1 1.5l8.5 4-8.5 4z" fill="currentColor"/></symbol>
<symbol id="given" viewBox="0 0 11 11">
  <path d="M10 1.5l-8.5 4 8.5 4z" fill="currentColor"/></symbol>
<symbol id="interrupt" viewBox="0 0 11 11">
  <path d="M5.5 1l4.5 8H1z"
  fill="none" stroke="currentColor" stroke-width="1.6"/></symbol>
</defs></svg>
)";

inline constexpr std::string_view kSequenceScript = R"(
document.getElementById('unfold').onclick = function () {
  var all = document.querySelectorAll('.idle details');
  var open = !Array.prototype.every.call(all, function (d) { return d.open; });
  all.forEach(function (d) { d.open = open; });
};
)";

}  // namespace virtio_user::cli

#endif  // CLI_SEQUENCE_STYLE_H_
