-- purpose: the next active users of a space after $after who had no digest on $day, with address and consent as their source states them
-- grain: one row per user, in order of ids, at most $n_users; only $user_ids where that list is not empty
-- What was only written to a folder does not keep a mail back ($is_sent); $is_preview looks past the ledger.
select
    users.user_id, users.name,
    json_extract_string(users.attributes, $address_path::text) as address,
    json_extract_string(users.attributes, $consent_path::text) as consent
from users
left join digests
    on digests.user_space = users.user_space and digests.user_id = users.user_id and digests.day = $day
    and not $is_preview and not ($is_sent and digests.state = 'written')
where users.user_space = $user_space
    and users.is_active
    and digests.user_id is null
    and users.user_id > $after
    and (len($user_ids::text[]) = 0 or list_contains($user_ids::text[], users.user_id))
order by users.user_id
limit $n_users;
