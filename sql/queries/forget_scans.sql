-- purpose: a content that is gone is looked up again when it comes back, for others have come in between
-- grain: one row per content and producer
delete from neighbour_scans
where
    catalog = $catalog
    and not exists (
        select 1 from items
        where items.catalog = $catalog and items.is_active and items.content_hash = neighbour_scans.content_hash
    );
