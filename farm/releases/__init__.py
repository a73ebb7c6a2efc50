"""Releases on hosts: which stand where, which runs need them, whether they are as installed, and taking them away.

standing    asks the hosts         needs    asks the journals
listing     both together          check    the files of a release against their hashes
rollback, prune                    change hosts, through playbooks: releases are root's
"""
