-- purpose: what each file of a stage's output held when it was written, so that a damaged one is found before it is used

-- A list of {name, n_rows, n_bytes, sha256}; null where an older version wrote the output.
alter table stage_outputs add column files json;
