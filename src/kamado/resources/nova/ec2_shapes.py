"""Properties that AWS::EC2::Instance and AWS::AutoScaling::LaunchConfiguration share."""

from __future__ import annotations

from kamado.plugin.declare import BOOLEAN, LIST, MAP, NOT_SENT, NUMBER, STRING, Prop


def block_devices() -> Prop:
    """Disks."""
    return Prop(
        "BlockDeviceMappings",
        LIST,
        "Disks beside the one of the image.",
        body=NOT_SENT,
        fields=(
            Prop("DeviceName", STRING, "The name of the disk, such as vdb.", required=True),
            Prop(
                "Ebs",
                MAP,
                "A volume made for it.",
                fields=(
                    Prop("DeleteOnTermination", BOOLEAN, "Whether it goes with the instance.", default=True),
                    Prop("Iops", NUMBER, status="UNSUPPORTED"),
                    Prop("SnapshotId", STRING, "The snapshot that it is made from.", refers="cinder.snapshot"),
                    Prop("VolumeSize", STRING, "Its size in GB."),
                    Prop("VolumeType", STRING, status="UNSUPPORTED"),
                ),
            ),
            Prop("NoDevice", MAP, status="UNSUPPORTED"),
            Prop("VirtualName", STRING, status="UNSUPPORTED"),
        ),
    )


def scheduler_hints() -> Prop:
    """Hints for Nova's scheduler."""
    return Prop(
        "NovaSchedulerHints",
        LIST,
        "Hints for the scheduler.",
        body=NOT_SENT,
        fields=(Prop("Key", STRING, "Name.", required=True), Prop("Value", STRING, "Value.", required=True)),
    )
