#!/usr/bin/env bash
# The main job from end to end on the sample library: add → tldr → tag → digest → ask.
set -euo pipefail
cd "$(dirname "$0")/.."
curator=${CURATOR_BIN:-curator}
home=${DEMO_HOME:-.demo}
week=2026-W46
started=$(date +%s)
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

say "1. add: 52 well-known papers into the library in $home"
"$curator" --home "$home" add samples/library.jsonl

say "2. search: by words and meaning"
"$curator" --home "$home" search "fine-tuning large models on one GPU" --limit 3

say "3. tldr: one sentence for each of the eight newest, quoted or checked"
"$curator" --home "$home" tldr --all --limit 8

say "4. tag: the same eight, from a closed taxonomy"
"$curator" --home "$home" tag --all --limit 8

say "5. digest: eight papers of $week, as a page, to edit, and as JSON"
"$curator" --home "$home" digest --week "$week" --limit 8 --also 0 --format html,md,json --out "$home/digests"
grep -v '^<!--' "$home/digests/digest-$week.md" | cat -s | sed -n '1,40p'

say "6. ask: a question with an answer, and one without"
"$curator" --home "$home" ask "How many trainable parameters does LoRA save on GPT-3?"
"$curator" --home "$home" ask "How many GPU-hours did it take to train Whisper?"

say "Done in $(($(date +%s) - started)) s. What is where:"
"$curator" --home "$home" status
printf '\nThe whole digest:  %s\n' "$home/digests/digest-$week.html"
printf 'Go on with:        %s --home %s chat\n' "$curator" "$home"
printf 'Or in a browser:   %s --home %s serve --open\n' "$curator" "$home"
