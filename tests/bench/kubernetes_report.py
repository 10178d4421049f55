# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench kubernetes found, as Markdown: printed by it, and put into docs/performance.md by report.py."""


def when(results):
    """Every one tells when it was measured: sizes are measured one by one."""
    dates, kernels = sorted({one["date"] for one in results}), sorted({one["kernel"] for one in results})
    return f"{' and '.join(dict.fromkeys((dates[0], dates[-1])))}, Linux {', '.join(kernels)}.\n"


def beside_kube_proxy(result):
    loads = [one["load"] for one in result["turns"]]
    yield (f"{result['services']:,} × {result['endpoints']}: {result['rounds']} rounds of {result['changes']} changes, load {min(loads):.1f} to {max(loads):.1f}; "
           "min / median / max:\n")
    yield "| | change, ms | CPU a change, ms | start to first connect, s | CPU of the start, s | RssAnon, MiB | RSS, MiB |"
    yield "|---|---|---|---|---|---|---|"

    def cell(value, digits, factor=1):
        return f"{value['min'] * factor:.{digits}f} / **{value['median'] * factor:.{digits}f}** / {value['max'] * factor:.{digits}f}"
    for name, arm in result["arms"].items():
        yield (f"| {name} | {cell(arm['change_ms'], 1)} | {cell(arm['cpu_seconds_a_change'], 1, 1e3)} | {cell(arm['ready_seconds'], 2)} | "
               f"{cell(arm['start_cpu_seconds'], 2)} | {cell(arm['anon_mib'], 1)} | {cell(arm['rss_mib'], 1)} |")
    for name, of in result["ratios"].items():
        yield f"| {name}, of Holdfast's | {cell(of['change'], 1)}× | {cell(of['cpu'], 0)}× | {cell(of['start'], 1)}× | | {cell(of['anon'], 1)}× | |"
    for name in result["left_out"]:
        yield f"\n{name} did not serve within 120 s of its start."
    yield ""


def large(results):
    yield "| | first list: seconds / CPU, s | RssAnon at rest, MiB | peak in the first list | restarted over its maps: ready, s / peak | 410, listed anew: CPU, s / peak | bytes an endpoint |"
    yield "|---|---|---|---|---|---|---|"
    base = results[0]
    for one in results:
        first, again, anew = one["first_list"], one["restarted"], one["relisted"]
        more = one["services"] * one["endpoints"] - base["services"] * base["endpoints"]
        each = f"{(first['anon_mib'] - base['first_list']['anon_mib']) * 2**20 / more:.0f} above {base['services']:,} × {base['endpoints']}" if more else ""
        yield (f"| {one['services']:,} × {one['endpoints']} | {first['seconds']:.1f} / {first['cpu_seconds']:.1f} | **{first['anon_mib']:.1f}** | "
               f"{first['peak_anon_mib']:.1f} | {again['ready_seconds']:.2f} / {again['peak_anon_mib']:.1f} | {anew['cpu_seconds']:.1f} / {anew['peak_anon_mib']:.1f} | {each} |")
    yield ""
    yield "| single changes | changes | event read to maps switched, ms: p50 / p99 / max within | API's answer to seen in the map, ms: p50 / p99 / max | CPU a change, ms | RssAnon's peak, MiB | load |"
    yield "|---|---|---|---|---|---|---|"
    for one in results:
        own, seen = one["single"]["own"], one["single"]["seen"]["all"]
        yield (f"| {one['services']:,} × {one['endpoints']} | {own['count']:.0f} | {own['p50_within_ms']:g} / {own['p99_within_ms']:g} / {own['max_within_ms']:g} | "
               f"{seen['p50']:.1f} / {seen['p99']:.1f} / {seen['max']:.1f} | {one['single']['cpu_seconds_a_change'] * 1e3:.1f} | "
               f"{one['single']['peak_anon_mib']:.1f} | {one['load']:.1f} |")
    yield ""


def outage(row):
    took = row["converged"]
    return (f"| {row['outage_seconds']:g} s | `{row['way']}` | {row['return']} | {took['min']:.2f} / **{took['median']:.2f}** / {took['max']:.2f} | "
            f"{row['held']} | {row['load']:.1f} |")


OUTAGES = ("| outage | as seen by the agent | watches | API's return to maps that equal it, s, min / median / max | held when listed | load |\n"
           "|---|---|---|---|---|---|")
