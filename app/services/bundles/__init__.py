"""Bundles: what a device needs to decide alone while the network is down."""
