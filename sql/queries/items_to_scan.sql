-- purpose: contents whose neighbours have not been looked up under today's embedding and threshold
-- grain: one row per content hash
select distinct items.content_hash
from items
where
    items.catalog = $catalog
    and items.is_active
    and not exists (
        select 1 from neighbour_scans as scans
        where scans.catalog = $catalog and scans.content_hash = items.content_hash and scans.fingerprint = $fingerprint
    )
order by 1;
