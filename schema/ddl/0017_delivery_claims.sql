-- Which of several replicas sends to a receiver. The highest fence counts, of these the highest holder; a claim whose beat
-- stands still is dead. Each row is a whole new version.
CREATE TABLE IF NOT EXISTS delivery_claims {on_cluster}
(
    name      String COMMENT 'of the receiver, as the operator calls it',
    fence     UInt64 COMMENT 'rises whenever another one takes over',
    holder    String COMMENT 'of this claim: one life of one replica',
    beat      UInt64 COMMENT 'rises for as long as the holder lives',
    released  Bool COMMENT 'the holder has ended in order'
)
ENGINE = {replacing}(beat)
ORDER BY (name, fence, holder)
SETTINGS {dedup_window} = 1000
COMMENT 'Who sends to which receiver';
