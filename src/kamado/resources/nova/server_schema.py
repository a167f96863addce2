"""The properties and attributes of OS::Nova::Server, as data; `server.py` has what it does.

The trap: entries of ``networks`` name what exists (ports, networks, subnets) or what is to be made with them (an internal port);
which one it is, `networks.py` says.
"""

from __future__ import annotations

from kamado.plugin.declare import (
    BOOLEAN,
    INTEGER,
    LIST,
    MAP,
    NOT_SENT,
    PHYSICAL_NAME,
    STRING,
    Attr,
    Prop,
    Properties,
)

_OLD_DEVICE = (
    Prop("device_name", STRING, "Name of the device in the guest, such as vda.", required=True),
    Prop("volume_id", STRING, "Volume to attach.", refers="cinder.volume"),
    Prop("snapshot_id", STRING, "Snapshot to make a volume from.", refers="cinder.snapshot"),
    Prop("volume_size", INTEGER, "Size of that volume in GB."),
    Prop("delete_on_termination", BOOLEAN, "Whether the volume goes when the server does."),
)

_DEVICE = (
    Prop("device_name", STRING, "Name of the device in the guest, such as vda."),
    Prop("volume_id", STRING, "Volume to attach.", refers="cinder.volume"),
    Prop("image_id", STRING, "ID of the image to make a volume from.", status="HIDDEN", since="9.0.0",
         message="Use property image.", refers="glance.image", instead="image"),
    Prop("image", STRING, "Image to make a volume from, by name or ID.", since="7.0.0", refers="glance.image"),
    Prop("snapshot_id", STRING, "Snapshot to make a volume from.", refers="cinder.snapshot"),
    Prop("swap_size", INTEGER, "Size of a swap disk in MB."),
    Prop("ephemeral_size", INTEGER, "Size of an ephemeral disk in GB.", since="8.0.0", low=1),
    Prop("ephemeral_format", STRING, "File system of an ephemeral disk.", since="8.0.0",
         allowed=("ext2", "ext3", "ext4", "xfs", "ntfs")),
    Prop("device_type", STRING, "Kind of device.", allowed=("cdrom", "disk")),
    Prop("disk_bus", STRING, "Bus that it is on.", allowed=("ide", "lame_bus", "sata", "scsi", "usb", "virtio")),
    Prop("boot_index", INTEGER, "Place in the order of booting; 0 is first, negative is never."),
    Prop("volume_size", INTEGER, "Size of the volume in GB."),
    Prop("volume_type", STRING, "Type of a volume that is made.", since="26.0.0", refers="cinder.vtype"),
    Prop("delete_on_termination", BOOLEAN, "Whether the volume goes when the server does."),
)  # fmt: skip

_PORT = (
    Prop("value_specs", MAP, "Extra request keys.", update=True, default={}),
    Prop("admin_state_up", BOOLEAN, "Administrative status.", update=True, default=True),
    Prop("mac_address", STRING, "MAC address.", check="mac_addr"),
    Prop("allowed_address_pairs", LIST, "Further addresses that may pass.", update=True, fields=(
        Prop("mac_address", STRING, "MAC address.", check="mac_addr"),
        Prop("ip_address", STRING, "Address, or a range of them.", required=True, check="ip_or_cidr"),
    )),
    Prop("binding:vnic_type", STRING, "Kind of virtual card.", update=True, default="normal", since="2015.1",
         allowed=("normal", "direct", "macvtap", "direct-physical", "baremetal", "virtio-forwarder", "smart-nic")),
    Prop("port_security_enabled", BOOLEAN, "Whether its traffic is filtered.", update=True, since="5.0.0"),
    Prop("qos_policy", STRING, "QoS policy, name or ID.", update=True, since="6.0.0", refers="neutron.qos_policy"),
    Prop("propagate_uplink_status", BOOLEAN, "Whether the guest sees the uplink fail.", update=True, since="15.0.0"),
    Prop("no_fixed_ips", BOOLEAN, "A port without any address.", update=True, default=False, since="16.0.0"),
)  # fmt: skip

_NETWORK = (
    Prop("uuid", STRING, "ID of a network.", status="HIDDEN", since="5.0.0", message="Use property network.",
         refers="neutron.network", instead="network"),
    Prop("network", STRING, "Network to be on, by name or ID.", refers="neutron.network"),
    Prop("allocate_network", STRING, "Leave the network to Nova: none at all, or one that it finds or makes.",
         update=True, since="9.0.0", allowed=("none", "auto")),
    Prop("fixed_ip", STRING, "Address on the network.", check="ip_addr"),
    Prop("port", STRING, "Port to use, by name or ID.", refers="neutron.port"),
    Prop("port_extra_properties", MAP, "Traits of the port that is made for this entry.", update=True, since="6.0.0",
         fields=_PORT),
    Prop("subnet", STRING, "Subnet to take the address from, by name or ID.", since="5.0.0"),
    Prop("floating_ip", STRING, "ID of a floating IP to be associated with the port.", since="6.0.0"),
    Prop("tag", STRING, "Tag by which the guest can tell the card.", since="9.0.0"),
)  # fmt: skip

PROPERTIES = Properties(
    Prop("name", STRING, "Name of the server.", update=True, fallback=PHYSICAL_NAME),
    Prop("image", STRING, "Image to boot from, by name or ID.", update=True, refers="glance.image", body="imageRef",
         create_only=True),
    Prop("block_device_mapping", LIST, "Volumes of the server, in the older form.", fields=_OLD_DEVICE, body=NOT_SENT),
    Prop("block_device_mapping_v2", LIST, "Disks of the server.", since="2015.1", fields=_DEVICE, body=NOT_SENT),
    Prop("flavor", STRING, "Size of the server, by name or ID.", required=True, update=True, refers="nova.flavor",
         body="flavorRef", create_only=True),
    Prop("flavor_update_policy", STRING, "How another flavor is applied.", update=True, default="RESIZE",
         allowed=("RESIZE", "REPLACE"), body=NOT_SENT),
    Prop("image_update_policy", STRING, "How another image is applied.", update=True, default="REBUILD",
         allowed=("REBUILD", "REPLACE", "REBUILD_PRESERVE_EPHEMERAL"), body=NOT_SENT),
    Prop("key_name", STRING, "Key pair for logging in.", refers="nova.keypair"),
    Prop("admin_user", STRING, "Name of the administrator in the guest.", status="HIDDEN", since="5.0.0",
         message="Nova no longer takes it; name users in user_data.", body=NOT_SENT),
    Prop("availability_zone", STRING, "Availability zone to place it in."),
    Prop("security_groups", LIST, "Security groups, by name or ID; not beside ports of one's own.", default=[],
         body=NOT_SENT),
    Prop("networks", LIST, "Network cards, in the order in which the guest sees them.", update=True, fields=_NETWORK,
         body=NOT_SENT),
    Prop("scheduler_hints", MAP, "Hints for the scheduler.", body="os:scheduler_hints"),
    Prop("metadata", MAP, "Keys and values kept with the server; what is no text is sent as JSON.", update=True,
         default={}, body=NOT_SENT),
    Prop("user_data_format", STRING, "What user_data is and what is added to it.", default="HEAT_CFNTOOLS",
         allowed=("HEAT_CFNTOOLS", "RAW", "SOFTWARE_CONFIG"), body=NOT_SENT),
    Prop("user_data_update_policy", STRING, "How other user data are applied.", update=True, default="REPLACE",
         since="6.0.0", allowed=("REPLACE", "IGNORE", "REBUILD"), body=NOT_SENT),
    Prop("software_config_transport", STRING, "How the guest gets its deployments.", update=True,
         default="POLL_SERVER_CFN",
         allowed=("POLL_SERVER_CFN", "POLL_SERVER_HEAT", "POLL_TEMP_URL", "ZAQAR_MESSAGE"), body=NOT_SENT),
    Prop("user_data", STRING, "Script or configuration that the guest runs when it starts.", default="", update=True,
         body=NOT_SENT),
    Prop("reservation_id", STRING, "Reservation that the server belongs to.", body=NOT_SENT),
    Prop("config_drive", BOOLEAN, "Whether metadata come on a drive as well."),
    Prop("diskConfig", STRING, "Who partitions the disk when it is built or resized.", allowed=("AUTO", "MANUAL"),
         body="OS-DCF:diskConfig"),
    Prop("personality", MAP, "Files for the guest: path and content.", default={}, status="DEPRECATED", since="12.0.0",
         message="Use user_data.", body=NOT_SENT),
    Prop("admin_pass", STRING, "Password of the administrator in the guest.", update=True, secret=True, body=NOT_SENT),
    Prop("tags", LIST, "Tags.", since="8.0.0", update=True, items=STRING, as_set=True, body=NOT_SENT),
    Prop("deployment_swift_data", MAP, "Where deployments are kept for transport POLL_TEMP_URL.", default={},
         update=True, since="9.0.0", body=NOT_SENT, fields=(
             Prop("container", STRING, "Container.", length=(1, None)),
             Prop("object", STRING, "Object.", length=(1, None)),
         )),
)  # fmt: skip

HANDLED = frozenset(prop.name for prop in PROPERTIES if prop.body is NOT_SENT)
"""What the type's own handlers see to."""

ATTRIBUTES: tuple[Attr, ...] = (
    Attr("name", STRING, "Name of the server."),
    Attr("addresses", MAP, "Addresses with their ports, subnets and network, by name and by ID of the network.",
         since="11.0.0"),
    Attr("networks", MAP, "Addresses alone, by name and by ID of the network."),
    Attr("first_address", None, "First address, empty when there is none.", status="HIDDEN", since="5.0.0",
         message="Use attribute networks."),
    Attr("instance_name", STRING, "Name that the hypervisor knows it by."),
    Attr("accessIPv4", STRING, "IPv4 address that was set by hand.", status="DEPRECATED", since="14.0.0"),
    Attr("accessIPv6", STRING, "IPv6 address that was set by hand.", status="DEPRECATED", since="14.0.0"),
    Attr("console_urls", MAP, "Addresses of its consoles, by kind.", since="2015.1"),
    Attr("tags", LIST, "Tags.", since="8.0.0"),
    Attr("os_collect_config", MAP, "Configuration for the agent in the guest.", since="9.0.0", live=True),
)  # fmt: skip
