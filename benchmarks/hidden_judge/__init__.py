"""A judge with rules that the ranker can't see: simulated readers with tastes, and a server that grades by them.

readers    tastes drawn by seed, and the profile that hints at each
rules      the grade of an article for a taste, with and without noise
server     the rules behind a port of this machine that speaks the chat protocol
"""
