"""The digest by itself, every week, as a workflow of GitHub Actions.

Its runners forget everything, so the library is kept as an artifact from run to run, and the
weights in a cache. Its clock is UTC only, so the workflow is started at each time that the hour may
be in UTC, and the one that does not fit the day's offset ends at once.
"""

from __future__ import annotations

import shlex
from datetime import UTC, date
from textwrap import indent

from curator.delivery.schedule import Plan, commands, moments

__all__ = ["PINNED", "github"]

# Actions by the commits of their releases: a tag could be moved.
PINNED = {
    "actions/setup-python": ("a26af69be951a213d495a4c3e4e4022e16d87065", "v5.6.0"),
    "actions/cache": ("5a3ec84eff668545956fd18022155c47e93e2684", "v4.2.3"),
    "actions/upload-artifact": ("ea165f8d65b6e75b540449e92b4886f43607fa02", "v4.6.2"),
}
_SECRETS = ("CURATOR_SMTP_URL", "CURATOR_SMTP_PASSWORD", "CURATOR_MAIL_FROM", "CURATOR_UNSUBSCRIBE")

_TEMPLATE = """\
# Paper Curator: the digest of the last week, each {when}.
#
# Keep this in a PRIVATE repository: the library, which is kept as an artifact, holds the readers'
# addresses. Set before the first run, under Settings > Secrets and variables > Actions:
#   secrets    {secrets}
#              CURATOR_READER_ADDRESS: where the digest goes
#   variables  CURATOR_FEEDS: what is pulled, like "hf:daily arxiv:cs.CL"
# A digest is never sent twice as long as the library is kept. If a run ends in the middle and its
# last step does not keep the library, run no digest of that week by hand until you have asked the
# readers. GitHub may start a schedule late.
name: Paper Curator

"on":
  schedule:
{crons}
  workflow_dispatch:

permissions:
  actions: read # to find the library that the last run kept

concurrency:
  group: paper-curator
  cancel-in-progress: false

jobs:
  time:
    runs-on: ubuntu-24.04
    outputs:
      now: ${{{{ steps.now.outputs.now }}}}
    steps:
      - name: Is it {at} in {zone}?
        id: now
        env:
          SCHEDULE: ${{{{ github.event.schedule }}}}
        run: |
          # GitHub's clock is UTC: the time that started this fits the zone's offset of today, or
          # another time does. Without one it was started by hand.
          case "$SCHEDULE $(TZ={zone} date +%z)" in
            {cases} | " "*) echo "now=yes" >> "$GITHUB_OUTPUT" ;;
            *) echo "now=no" >> "$GITHUB_OUTPUT" ;;
          esac

  digest:
    needs: time
    if: needs.time.outputs.now == 'yes'
    runs-on: ubuntu-24.04
    timeout-minutes: 120
    env:
      CURATOR_HOME: ${{{{ github.workspace }}}}/library
      CURATOR_MODELS_DIR: ${{{{ github.workspace }}}}/models
    steps:
      - uses: {setup_python}
        with:
          python-version: "3.12"

      - name: Weights, and what pip has built
        uses: {cache}
        with:
          path: |
            models
            ~/.cache/pip
          key: paper-curator-{version}

      - name: Install
        run: |
          python -m pip install "paper-curator=={version}"
          curator models pull

      - name: The library as the last run left it
        id: library
        env:
          GH_TOKEN: ${{{{ github.token }}}}
          GH_REPO: ${{{{ github.repository }}}}
        run: |
          mkdir -p library
          run=$(gh api "repos/$GH_REPO/actions/artifacts?name=paper-curator-library&per_page=100" \\
            --jq '[.artifacts[] | select(.expired | not) | select(.workflow_run.head_repository_id
            == .workflow_run.repository_id)] | sort_by(.created_at) | last
            | .workflow_run.id // empty')
          if [ -n "$run" ]; then
            gh run download "$run" --name paper-curator-library --dir library
          fi
{prepare}
      - name: The digest
{env}        run: |
{steps}

      - name: Keep the library
        if: always() && steps.library.outcome == 'success'
        uses: {upload}
        with:
          name: paper-curator-library
          path: library
          include-hidden-files: true
          if-no-files-found: error
          retention-days: 90
"""

_PREPARE = """
      - name: Feeds and reader
        env:
          FEEDS: ${{{{ vars.CURATOR_FEEDS }}}}
          ADDRESS: ${{{{ secrets.CURATOR_READER_ADDRESS }}}}
        run: |
          set -f # a * in a feed is no file
          for feed in $FEEDS; do
            curator subscribe "$feed"
          done
          if [ -n "$ADDRESS" ]; then
            {profile} --address "$ADDRESS"
          fi
"""


def github(plan: Plan, version: str, today: date) -> str:
    """The text of a workflow file, for a repository's ``.github/workflows``.

    ``version`` is that of the program to install. The offsets from UTC are those of the two years
    from ``today`` on. Paths of ``plan`` mean nothing there and are not used; a zone of "" is UTC.
    """
    zone = plan.zone or "UTC"
    there = Plan(
        ("curator",), plan.home, plan.folder, plan.at, zone, plan.reader, plan.all_readers,
        plan.sync, plan.send,
    )  # fmt: skip
    times: dict[tuple[str, str], None] = {}
    for moment in moments(there, today):
        utc = moment.astimezone(UTC)
        expression = f"{utc.minute} {utc.hour} * * {(utc.weekday() + 1) % 7}"
        times.setdefault((expression, moment.strftime("%z")))
    pairs = sorted(times)
    crons = "\n".join(
        f'    - cron: "{expression}" # where {zone} is at UTC{offset}'
        for expression, offset in pairs
    )
    *before, digest = (shlex.join(one) for one in commands(there, home=False))
    lines = [f'{one} || echo "::warning::{one} ended with $?"' for one in before] + [digest]
    whose = ("--reader", plan.reader) if plan.reader else ()
    where = ("--zone", plan.zone) if plan.zone else ()
    profile = shlex.join(("curator", "profile", "set", *whose, *where))
    env = "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in _SECRETS)
    return _TEMPLATE.format(
        when=there.when,
        at=plan.at,
        zone=zone,
        secrets=", ".join(_SECRETS),
        crons=crons,
        cases=" | ".join(f'"{expression} {offset}"' for expression, offset in pairs),
        version=version,
        setup_python=_pinned("actions/setup-python"),
        cache=_pinned("actions/cache"),
        upload=_pinned("actions/upload-artifact"),
        prepare=_PREPARE.format(profile=profile),
        env=f"        env:\n{env}" if plan.send else "",
        steps=indent("\n".join(lines), " " * 10),
    )


def _pinned(action: str) -> str:
    commit, release = PINNED[action]
    return f"{action}@{commit} # {release}"
