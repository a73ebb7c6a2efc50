"""Where each documented command runs: typed on the lab in scenes, or by another test that is named.

A scene is a state of affairs and what is typed in it, in order, as the documentation has it; SITE says what stands on
the lab for what a reader puts in. tests/integration/test_documented_lab.py plays them.
"""

SITE = {
    "ENV": "lab",
    "--inventory prod": "--inventory lab",
    "HOST --": "w3 --",
    "% 1000": "% 3",
    "/var/lib/prometheus/node-exporter/": "",
    "FEATURE=SHARE": "gmag=0.5",
    "--over-ranges 64": "--over-ranges 5",
}
"""What a line has, and what it has on the lab."""

FIRST_LOOK = [
    "farm lab status",
    "farm workers --inventory lab",
    "farm doctor --inventory lab",
    "farm rebuild --inventory lab --dry-run",
    "farm schema diff",
    "farm prune --keep-days 30 --dry-run",
    "farm release list --inventory ENV",
    "farm release show --verify",
    "farm release prune --dry-run",
    "farm runs --inventory prod",
]

READING_ONLY = [
    'farm rebuild --inventory ENV --where "CRC32(objectId) % 1000 = 0 AND jdmax < 2460000"',
    "farm diff last --inventory ENV --worst 20",
    "farm diff last --inventory ENV --json",
    "farm rebuild --inventory ENV",
    "farm diff last --inventory ENV",
]
"""docs/coming-from-lasair.md."""

OWN_MACHINES = [
    'farm rebuild --inventory ENV --where "CRC32(objectId) % 1000 = 0"',
    "farm diff last --inventory ENV",
    "farm schema migrate --inventory ENV --option-file ~/.farm/ENV/secrets/galera_owner.cnf --dry-run",
    "farm schema migrate --inventory ENV --option-file ~/.farm/ENV/secrets/galera_owner.cnf",
    "farm doctor --inventory ENV",
    "farm load last --inventory ENV",
    "farm load last --inventory ENV --undo",
    "farm rebuild --inventory ENV --load --detach",
    "farm status last --inventory ENV --watch",
]
"""docs/getting-started.md, steps 8 and 9, after a first look, where table farm_load is not there yet."""

TABLES = [
    "farm rebuild --inventory ENV --max-rows-per-second 20000",
    "farm diff last --json > diff.json",
    "farm diff last --json --worst 3",
    "farm load last --inventory ENV --max-changed FEATURE=SHARE",
    "farm report last",
    "farm report last --out tonight.html",
    "farm export --out objects.parquet",
    "farm rebuild --where 'htm16 % 1000 = 0' --load",
    "farm load last --undo",
    "farm rebuild --inventory ENV --objects unread.txt",
    "farm rebuild --window all --limit w1,w2 --slots 1 --ranges 4",
    "farm status last --json",
]

LIVING = [
    "farm workers drain last w3",
    "farm workers undrain last w3",
    "farm workers drain last HOST --inventory ENV",
    "farm workers undrain last HOST --inventory ENV",
    "farm workers add last w4 --slots 2",
    "farm hold last r17",
    "farm unhold last r17",
    "farm cancel last r17 r18",
    "farm cancel last",
]
"""While `farm run tasks.jsonl --timeout 300% --halt now,fail=10%` goes on."""

ENDED = [
    "farm logs last r17 --follow",
    "farm events last --follow",
    "farm events last --after 1200",
    "farm metrics last --out /var/lib/prometheus/node-exporter/farm.prom --follow",
    "farm resume last --inventory ENV",
    "farm status last --tsv | sort -t $'\\t' -k 7 -n",
    "farm status last --inventory ENV --json | python3 -c"
    """ 'import json, sys; print(*json.load(sys.stdin)["unread"], sep="\\n")' > unread.txt""",
]
"""After it was cancelled."""

REFUSED = ["farm rebuild --as-lasair"]
"""Of ZTF, which keeps no defects; it ends with 17."""

RANGES = [
    "farm run --over-ranges 64 --fetch '*.csv' --"
    """ 'rebuild_objects --range={low}:{high} --window all --out "$FARM_OUT/part.csv"'""",
]
ON_A_WORKER = ["sudo -u farm /opt/farm/current/bin/rebuild_objects --check"]

FAILED = [
    "farm retry last --inventory ENV",
    "farm retry last --limit w1,w2",
    "farm retry last --inventory ENV --slots 2",
]
"""After `farm run tasks.txt --fetch '*.npz'` in which a task fails whatever one does; these end with 30."""
AFTER_FAILURE = ["farm runs --inventory ENV", "farm status last --inventory ENV", "farm logs last --inventory ENV"]

RUNS = ["farm run tasks.jsonl --timeout 300% --halt now,fail=10%", "farm run tasks.txt --fetch '*.npz'"]
TYPED = [
    *(*FIRST_LOOK, *READING_ONLY, *OWN_MACHINES, *TABLES, *LIVING, *ENDED, *REFUSED, *FAILED, *AFTER_FAILURE, *RUNS),
    *(*RANGES, *ON_A_WORKER),
]

_FAULTS, _LIFE = "tests/lab/test_faults.py", "tests/lab/test_lifecycle.py"
_RELEASES, _MINING, _OPERATOR = (
    "tests/integration/test_releases_lab.py",
    "tests/mining/test_mining_lab.py",
    "tests/farm/test_operator_lab.py",
)
_FEATURES, _PROVISION = "tests/features/test_features_cli.py", "tests/ansible/test_provision.py"
_COMING = "tests/ansible/test_coming_and_going.py"
_UPGRADE, _ACROSS = (
    "tests/farm/test_upgrade.py",
    "test_a_run_ends_with_its_own_release_across_an_upgrade_and_the_next_one_has_the_new",
)
_SCRIPTS, _PAGES = "tests/features/test_golden_scripts.py", "tests/house/test_documentation.py"
_LIFE_OF_A_FEATURE = (
    "tests/integration/test_feature_life.py"
    "::test_a_feature_is_written_brought_to_galera_and_taken_back_as_the_document_says"
)
ELSEWHERE = {
    "farm lab up": f"{_LIFE}::test_a_lab_comes_up_as_running_and_its_end_leaves_nothing_but_the_image",
    "farm lab down": f"{_LIFE}::test_a_lab_comes_up_as_running_and_its_end_leaves_nothing_but_the_image",
    "farm lab kill w2": f"{_FAULTS}::test_a_killed_host_is_dead_until_it_is_started_with_what_its_disk_holds",
    "farm lab start w2": f"{_FAULTS}::test_a_killed_host_is_dead_until_it_is_started_with_what_its_disk_holds",
    "farm lab reboot w2": f"{_FAULTS}::test_a_reboot_stops_units_in_order_and_boots_again",
    "farm lab freeze w2": f"{_FAULTS}::test_a_frozen_host_stands_still_while_its_address_answers",
    "farm lab thaw w2": f"{_FAULTS}::test_a_frozen_host_stands_still_while_its_address_answers",
    "farm lab cut w2": f"{_FAULTS}::test_a_host_that_is_cut_off_runs_on_alone",
    "farm lab heal w2": f"{_FAULTS}::test_a_host_that_is_cut_off_runs_on_alone",
    "farm lab fill w2": f"{_FAULTS}::test_a_full_disk_is_one_hosts_own",
    "farm lab unfill w2": f"{_FAULTS}::test_a_full_disk_is_one_hosts_own",
    "farm lab rekey w2": f"{_FAULTS}::test_a_host_with_another_key_is_refused_until_that_is_pinned",
    "farm lab seed --objects 1500": "tests/conftest.py::seeded",
    "farm lab seed --from FILE": "tests/conftest.py::seeded",
    "farm lab seed --objects 1500 --all-tables": (
        "tests/seed/test_seed_lab.py::test_the_verb_fills_every_table_where_all_are_asked_for"
    ),
    "farm demo": "tests/integration/test_demo_lab.py::test_the_demo_ends_with_every_row_equal_on_two_nodes",
    "farm busy": "tests/farm/test_on_the_lab.py::test_the_prototype_keeps_all_workers_busy",
    "farm bench --workers 1,2 --processes 1 --objects N --out DIR": (
        f"{_OPERATOR}::test_a_rebuild_is_measured_on_a_part_of_the_ring"
    ),
    "farm bench --workers 1,2 --processes 2 --waiting 0.1 --out DIR": (
        f"{_OPERATOR}::test_tasks_that_wait_are_measured_by_workers_and_slots"
    ),
    "farm status RUN --watch": f"{_OPERATOR}::test_a_running_task_is_followed_and_its_run_watched_by_others",
    "farm logs RUN TASK --follow": f"{_OPERATOR}::test_a_running_task_is_followed_and_its_run_watched_by_others",
    "farm run TASKS --dry-run": "tests/farm/test_tasks.py::test_a_dry_run_prints_the_tasks_and_asks_nobody",
    "farm run --over-ranges 5 --fetch PATTERN -- COMMAND": f"{_MINING}::test_a_command_runs_over_ranges",
    "farm mine SCRIPT.py:FUNCTION --window all --out DATASET": (
        f"{_MINING}::test_the_dataset_is_one_table_to_pandas_polars_and_duckdb"
    ),
    "farm mine SCRIPT.py:FUNCTION --dry-run --sample 100": (
        f"{_MINING}::test_a_dry_run_says_what_the_whole_will_be_and_leaves_no_run"
    ),
    "farm load RUN --columns NAMES": (
        "tests/load/test_load_runs_lab.py::test_farm_load_takes_some_columns_and_its_undo_puts_them_back"
    ),
    "farm schema migrate --option-file FILE --rolling --allow-stall --drop-column NAME": (
        "tests/load/test_schema_lab.py::test_the_verbs_say_what_differs_print_the_sql_and_run_it"
    ),
    "farm upgrade --inventory ENV": f"{_UPGRADE}::{_ACROSS}",
    "farm upgrade --inventory ENV --accept-drift": (
        f"{_UPGRADE}::test_an_upgrade_that_is_killed_ends_well_when_it_is_run_again_and_a_worker_that_was_down_then_follows"
    ),
    "farm release rollback": (
        f"{_RELEASES}::test_a_rollback_goes_on_where_it_was_stopped_and_restarts_the_pipeline_once"
    ),
    "farm release prune": f"{_RELEASES}::test_only_releases_that_no_run_and_no_process_needs_are_pruned",
    "ansible-playbook -i ENV provision.yml": f"{_PROVISION}::test_a_second_run_changes_nothing",
    "ansible-playbook -i ENV provision.yml --check --diff": (
        f"{_PROVISION}::test_check_mode_after_the_run_reports_nothing"
    ),
    "ansible-playbook -i ENV provision.yml -e accept_new_host_keys=true": (
        f"{_PROVISION}::test_keys_are_taken_only_when_the_operator_says_so_and_their_fingerprints_are_named"
    ),
    "ansible-playbook playbooks/rotate_keys.yml": f"{_COMING}::test_a_run_goes_on_while_keys_are_changed",
    "ansible-playbook playbooks/reset.yml": f"{_COMING}::test_a_reset_that_nobody_confirms_takes_nothing",
    "ansible-playbook playbooks/load.yml -e run=RUN": (
        "tests/load/test_load_runs_lab.py::test_the_playbook_does_the_same"
    ),
    "ansible-playbook -i ENV playbooks/upgrade.yml": (
        f"{_UPGRADE}::test_check_mode_says_what_an_upgrade_would_do_and_does_nothing"
    ),
    "python -m features compute --candidates FILE --window 30 --out FILE": (
        f"{_FEATURES}::test_parquet_and_csv_say_the_same"
    ),
    "python -m features compute --survey lsst --as-lasair --candidates FOLDER --window all --out FILE": (
        "tests/features/test_features_lsst_parity.py::test_the_command_gives_lasairs_values_of_the_files"
    ),
    "python -m features diff --survey lsst FILE FILE --tolerance 1e-6": (
        "tests/features/test_features_lsst_parity.py::test_the_command_gives_lasairs_values_of_the_files"
    ),
    "python -m features diff FILE FILE --tolerance 1e-6": _LIFE_OF_A_FEATURE,
    "python -m features docs": _LIFE_OF_A_FEATURE,
    "python -m features ddl": _LIFE_OF_A_FEATURE,
    "python tests/features/golden_set.py": f"{_SCRIPTS}::test_a_golden_set_is_made_by_its_script",
    "python tests/features/lsst_golden_set.py": f"{_SCRIPTS}::test_a_golden_set_is_made_by_its_script",
    "python -m features golden": "tests/features/test_features_golden.py::test_the_command_says_that_all_is_well",
    "python -m farm.docs cli": f"{_PAGES}::test_a_generated_page_is_as_the_code_makes_it",
    "python -m farm.docs errors": f"{_PAGES}::test_a_generated_page_is_as_the_code_makes_it",
    "python -m tests.bench.scale": f"{_PAGES}::test_a_generated_page_is_as_the_code_makes_it",
    "python -m tests.pictures": "tests/farm/test_pictures.py::test_the_pictures_of_the_documentation_are_made",
    "python -m features.mining SCRIPT.py:FUNCTION --table NAME=FILE --out FILE": (
        "tests/mining/test_examples.py::test_transients_began_before_their_first_detection_and_rose_to_their_peak"
    ),
    "sudo -u farm /opt/farm/current/bin/csv_to_database --check --option-file FILE": (
        f"{_PROVISION}::test_a_loader_of_its_own_can_load_and_shows_its_account_to_nobody"
    ),
    "csv_to_database DIR --option-file FILE"
    " --columns A,B --keep-not-null A,B --max-rate ROWS --verify all --verify-only --undo --json": (
        "tests/load/test_load_by_hand_lab.py::test_every_form_of_the_line_ends_well"
    ),
    "rebuild_objects --as-lasair": (
        "tests/rebuild/test_main.py::test_a_survey_without_the_original_s_defects_is_not_computed_with_them"
    ),
    "rebuild_objects --range LO:HI --window DAYS --out FILE": (
        "tests/rebuild/test_rebuild_lab.py::test_the_part_is_what_the_features_of_the_light_curves_are"
    ),
}
"""Commands that a named test runs, by the same program, verb and options."""
VARIANTS = [
    "farm status last --json",
    "farm rebuild --window all --limit w1,w2 --slots 1 --ranges 4",
    "farm diff last --json --worst 3",
    "farm release prune --dry-run",
]
"""Typed though no page has exactly this: one line for options that pages have in several, or in a sentence."""
